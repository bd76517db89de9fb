"""Where rollouts run beside this process: a pool of processes, and Ray."""
