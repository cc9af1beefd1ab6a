-- Why a request was refused, in a word (ledger/refusal.rs). NULL: it was not.
ALTER TABLE request_details ADD COLUMN refusal TEXT;
