-- Ends the sleep of the client that holds this name with GET_LOCK. Nobody else's: who has
-- the name is found in the same statement. It needs the same user, or the privilege.
KILL QUERY IS_USED_LOCK(?)
