"""Asks session systems, over HTTP, seven questions about requests that overlap."""
