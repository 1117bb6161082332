"""Who polls what: leases, placement over the live nodes, and the loop that takes, moves and gives up."""
