-- Version 1. Instants are microseconds since 1970, UTC, by the server's clock. Names and
-- texts are bytes, so that no collation and no character set has a say. The comment of
-- the first table tells the version of both.

-- The lines, first come first served by seq, and what else one lock may have many of.
-- kind is 0 for who waits, 1 for a shared lease or a permit of a semaphore, 2 for a
-- holder id that was released before it arrived. A row is dead after until: who waits is
-- kept alive by its client, in one statement for all of them.
CREATE TABLE IF NOT EXISTS {line} (
	seq     BIGINT          NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name    VARBINARY(512)  NOT NULL,
	kind    TINYINT         NOT NULL,
	holder  VARBINARY(128)  NOT NULL,
	client  VARBINARY(64)   NOT NULL,
	mode    TINYINT         NOT NULL,
	slots   INT             NOT NULL,
	ttl     BIGINT          NOT NULL,
	owner   BLOB            NOT NULL,
	note    BLOB            NOT NULL,
	token   BIGINT          NOT NULL,
	since   BIGINT          NOT NULL,
	until   BIGINT          NOT NULL,
	claimed TINYINT         NOT NULL,
	broken  TINYINT         NOT NULL,
	UNIQUE KEY holder (name, holder),
	KEY place (name, kind, seq),
	KEY client (client, kind)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- One row for each name, with its last token and its exclusive holder (holder is empty
-- without one). Every change to a name, also to its rows in the other table, raises
-- version: whoever changes it must have seen the latest. line is 1 while there may be
-- leases or waiters in the other table, marked is until when there may be marks.
CREATE TABLE IF NOT EXISTS {lock} (
	name    VARBINARY(512)  NOT NULL PRIMARY KEY,
	version BIGINT          NOT NULL,
	token   BIGINT          NOT NULL,
	holder  VARBINARY(128)  NOT NULL,
	client  VARBINARY(64)   NOT NULL,
	ttl     BIGINT          NOT NULL,
	owner   BLOB            NOT NULL,
	note    BLOB            NOT NULL,
	since   BIGINT          NOT NULL,
	until   BIGINT          NOT NULL,
	claimed TINYINT         NOT NULL,
	broken  TINYINT         NOT NULL,
	line    TINYINT         NOT NULL,
	marked  BIGINT          NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC COMMENT='pawl 1'
