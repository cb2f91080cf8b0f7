"""What earlier versions left behind: data for the tests of upgrades."""
