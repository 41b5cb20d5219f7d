DELETE FROM mark WHERE until <= ?1
