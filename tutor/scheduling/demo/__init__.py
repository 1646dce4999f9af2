"""A school to look at: people who do not exist, with eight weeks of simulated answers behind them."""
