"""Many runs started by one command."""
