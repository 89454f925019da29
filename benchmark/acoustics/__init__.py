"""What happens to speech before it reaches the codec: one condition per file."""
