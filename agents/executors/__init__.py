"""Where work runs beside this process, rollouts or another trade: a pool of processes, and Ray."""
