"""Every client format against every vendor format.

A scenario says in neutral words (`words`) what a client asks and what the vendor answers. `clients` asks it with an
official SDK and tells what the SDK's object holds; `vendor` checks the request against the SDKs' own types and the
vendor's rules, and answers as that vendor writes; `hear` reads the upstream request back into neutral words; `expect`
compares. A pair of formats is never spelled out: four clients, four vendors, four readers.

    MATRIX_FORMATS=chat,anthropic   only these formats (default: chat, responses, anthropic, gemini)
    MATRIX_PAIRS=same               only the same format on both sides; or a list: chat>gemini,gemini>chat
    MATRIX_DIRECT=1                 the SDKs speak to the scripted vendor itself, which tests the scripts
"""
