-- Version 1. Instants are microseconds since 1970, UTC, by the server's clock. Names,
-- owners and notes are bytes: text cannot hold NUL, and the database may not be UTF8.

-- One row for each name that was in use of late. It is what every writer of the name
-- locks first, it keeps the last token, and it holds the lease itself while the name is
-- not crowded: of one exclusive holder, with nobody in line and no marks. No column but
-- the name is indexed, so that updates stay within a page.
CREATE TABLE {lock} (
	name    bytea    PRIMARY KEY,
	token   bigint   NOT NULL DEFAULT 0,     -- the last one given out
	crowded boolean  NOT NULL DEFAULT false, -- look into the other tables
	holder  text COLLATE "C" NOT NULL DEFAULT '', -- '' where there is none
	ttl     bigint   NOT NULL DEFAULT 0,
	owner   bytea    NOT NULL DEFAULT '',
	note    bytea    NOT NULL DEFAULT '',
	since   bigint   NOT NULL DEFAULT 0,
	until   bigint   NOT NULL DEFAULT 0,
	broken  boolean  NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Who holds a crowded name. claimed is false from the grant to a waiter until it takes
-- the lease.
CREATE TABLE {lease} (
	name    bytea    NOT NULL,
	holder  text COLLATE "C" NOT NULL,
	client  text     NOT NULL, -- the channel on which its client listens
	mode    smallint NOT NULL, -- 0 exclusive, 1 shared
	slots   integer  NOT NULL, -- permits of a semaphore, otherwise 0
	ttl     bigint   NOT NULL,
	owner   bytea    NOT NULL,
	note    bytea    NOT NULL,
	token   bigint   NOT NULL,
	since   bigint   NOT NULL,
	until   bigint   NOT NULL,
	claimed boolean  NOT NULL,
	broken  boolean  NOT NULL,
	PRIMARY KEY (name, holder)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX ON {lease} (client) WHERE NOT claimed;

-- The lines, first come first served by seq. A waiter that is not refreshed before
-- until has died.
CREATE TABLE {waiter} (
	name    bytea    NOT NULL,
	holder  text COLLATE "C" NOT NULL,
	seq     bigint   NOT NULL GENERATED ALWAYS AS IDENTITY,
	client  text     NOT NULL,
	mode    smallint NOT NULL,
	slots   integer  NOT NULL,
	ttl     bigint   NOT NULL,
	owner   bytea    NOT NULL,
	note    bytea    NOT NULL,
	since   bigint   NOT NULL,
	until   bigint   NOT NULL,
	PRIMARY KEY (name, holder)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX ON {waiter} (name, seq);
CREATE INDEX ON {waiter} (name, seq) WHERE mode = 0 AND slots = 0;
CREATE INDEX ON {waiter} (name, until);
CREATE INDEX ON {waiter} (client);

-- Holder ids that were released before they arrived.
CREATE TABLE {mark} (
	name   bytea  NOT NULL,
	holder text COLLATE "C" NOT NULL,
	until  bigint NOT NULL,
	PRIMARY KEY (name, holder)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX ON {mark} (name, until);

COMMENT ON TABLE {lock} IS 'pawl schema 1';
