-- Version 1. Instants are microseconds since 1970, UTC, by SQLite's own clock.

-- The last token that was given out, for all names: so tokens rise per name, and
-- nothing has to be kept of a name that is not in use.
CREATE TABLE counter (
	id    INTEGER PRIMARY KEY CHECK (id = 1),
	token INTEGER NOT NULL
) STRICT;
INSERT INTO counter VALUES (1, 0);

-- Who holds what. claimed is 0 from the grant to a waiter until it takes the
-- lease.
CREATE TABLE lease (
	name    BLOB    NOT NULL,
	holder  TEXT    NOT NULL,
	client  TEXT    NOT NULL,
	mode    INTEGER NOT NULL, -- 0 exclusive, 1 shared
	slots   INTEGER NOT NULL, -- permits of a semaphore, otherwise 0
	ttl     INTEGER NOT NULL, -- microseconds
	owner   TEXT    NOT NULL,
	note    TEXT    NOT NULL,
	token   INTEGER NOT NULL,
	since   INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	claimed INTEGER NOT NULL,
	broken  INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (name, holder)
) STRICT, WITHOUT ROWID;

-- What a client looks for when it waits. Partial, so that a lock that nobody waits
-- for does not touch it.
CREATE INDEX lease_unclaimed ON lease (client) WHERE claimed = 0;

CREATE TRIGGER lease_token AFTER INSERT ON lease BEGIN
	UPDATE counter SET token = NEW.token WHERE id = 1;
END;

-- The lines, first come first served by seq. A waiter that is not refreshed before
-- until has died.
CREATE TABLE waiter (
	seq    INTEGER PRIMARY KEY AUTOINCREMENT,
	name   BLOB    NOT NULL,
	holder TEXT    NOT NULL UNIQUE,
	client TEXT    NOT NULL,
	mode   INTEGER NOT NULL,
	slots  INTEGER NOT NULL,
	ttl    INTEGER NOT NULL,
	owner  TEXT    NOT NULL,
	note   TEXT    NOT NULL,
	since  INTEGER NOT NULL,
	until  INTEGER NOT NULL
) STRICT;
CREATE INDEX waiter_line ON waiter (name, seq);
CREATE INDEX waiter_client ON waiter (client);

-- Holder ids that were released before they arrived.
CREATE TABLE mark (
	holder TEXT    PRIMARY KEY,
	until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
