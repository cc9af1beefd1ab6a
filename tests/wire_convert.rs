//! Conversions between formats, by laws: nothing of a request is lost without a word, an answer means the same in every
//! format, a stream says what the whole answer says, and no bytes of strangers break anything.

mod wire_convert {
    mod answers;
    mod ground;
    mod recorded;
    mod sentinels;
    mod streams;
}
