"""The course: its labs, what students get of them, known-wrong solutions, the order of the sources."""
