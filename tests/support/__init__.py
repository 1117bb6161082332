"""What several tests share: hosts, worlds, servers, records."""
