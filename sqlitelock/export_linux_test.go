package sqlitelock

// NetworkFileSystems are the magic numbers that are refused.
var NetworkFileSystems = networkFileSystems
