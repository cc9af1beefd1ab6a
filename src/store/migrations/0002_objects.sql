-- What a configuration declares beside its file, and who has changed it. Times in milliseconds since the Unix epoch.

CREATE TABLE objects (
    kind TEXT {bytewise} NOT NULL,
    name TEXT {bytewise} NOT NULL,
    -- Among those of its kind; routes are tried in this order.
    place BIGINT NOT NULL,
    -- JSON, as the file would say it, with its secrets masked; and these, sealed (cipher.rs).
    body TEXT NOT NULL,
    sealed TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
) {clustered};

-- Counts the changes of all objects: who has read them at the same number has read them as they are.
CREATE TABLE generations (
    name TEXT {bytewise} NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
) {clustered};

INSERT INTO generations (name, number) VALUES ('objects', 0);

CREATE TABLE audit (
    id TEXT {bytewise} NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    -- Who, and from where.
    account TEXT NOT NULL,
    client TEXT,
    action TEXT NOT NULL,
    kind TEXT,
    name TEXT,
    -- JSON, with secrets masked.
    before_it TEXT,
    after_it TEXT
) {clustered};
