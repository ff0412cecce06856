"""The status page: a read-only view of a gateway over HTTP, from the gateway's own process."""
