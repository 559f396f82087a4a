"""What session systems do when requests overlap: seven questions, put over HTTP."""
