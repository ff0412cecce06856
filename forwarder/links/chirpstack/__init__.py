"""ChirpStack's dialects over MQTT, version 4 and version 3. Pure but for the library's import."""
