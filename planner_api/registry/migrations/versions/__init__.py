"""One file a change; `down_revision` names the one before."""
