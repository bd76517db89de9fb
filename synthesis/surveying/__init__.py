"""What a data set holds: what it covers, how varied it is, what stands in it twice, and what it shares with a benchmark."""
