"""The concentrator in its thread: kept running, listened to, watched."""
