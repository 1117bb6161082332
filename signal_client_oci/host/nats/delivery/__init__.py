"""What a poll hands out, stored in JetStream: artifacts in the stream first, then the checkpoint."""
