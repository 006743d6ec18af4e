"""What was seen, as frozen values, their JSON and files; reads no process."""
