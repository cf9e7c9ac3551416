"""What the commands of `shardstream` do; their options stand in planner_api/cli.py."""
