"""Why a handoff was dropped or is stuck, and who can fix it."""
