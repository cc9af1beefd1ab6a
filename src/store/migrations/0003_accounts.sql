-- Who may enter the admin side. Times in milliseconds since the Unix epoch.

CREATE TABLE accounts (
    name TEXT {bytewise} NOT NULL PRIMARY KEY,
    -- admin, viewer
    role TEXT NOT NULL,
    -- Of the password: argon2id, as a PHC string.
    hash TEXT NOT NULL,
    -- Of the variable that the password was last taken over from.
    told TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) {clustered};

-- Who is logged in. `hash` is SHA-256 of the token that the browser keeps, in hexadecimal digits.
CREATE TABLE sessions (
    hash TEXT {bytewise} NOT NULL PRIMARY KEY,
    account TEXT {bytewise} NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
) {clustered};
