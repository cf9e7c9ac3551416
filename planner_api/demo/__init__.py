"""`shardstream demo`: a real transformer meets a deadline, with every part of the product."""
