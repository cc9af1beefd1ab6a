//! The vendors that LiteLLM knows by a prefix of the model's name, as far as they can be reached from here.

/// Where a vendor is, and how its key is found where a deployment says nothing.
pub(super) struct Vendor {
    pub prefix: &'static str,
    pub format: &'static str,
    /// `None`: the deployment has to say it.
    pub base: Option<&'static str>,
    /// The variable that holds its key.
    pub key: Option<&'static str>,
}

const fn vendor(
    prefix: &'static str,
    format: &'static str,
    base: &'static str,
    key: &'static str,
) -> Vendor {
    Vendor {
        prefix,
        format,
        base: Some(base),
        key: Some(key),
    }
}

/// A server of one's own.
const fn own(prefix: &'static str, base: Option<&'static str>) -> Vendor {
    Vendor {
        prefix,
        format: "openai_chat",
        base,
        key: None,
    }
}

static VENDORS: &[Vendor] = &[
    vendor(
        "openai",
        "openai_chat",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
    ),
    vendor(
        "anthropic",
        "anthropic",
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
    ),
    vendor(
        "gemini",
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        "GEMINI_API_KEY",
    ),
    vendor(
        "cerebras",
        "openai_chat",
        "https://api.cerebras.ai/v1",
        "CEREBRAS_API_KEY",
    ),
    vendor(
        "codestral",
        "openai_chat",
        "https://codestral.mistral.ai/v1",
        "CODESTRAL_API_KEY",
    ),
    vendor(
        "dashscope",
        "openai_chat",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
    ),
    vendor(
        "deepinfra",
        "openai_chat",
        "https://api.deepinfra.com/v1/openai",
        "DEEPINFRA_API_KEY",
    ),
    vendor(
        "deepseek",
        "openai_chat",
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
    ),
    vendor(
        "fireworks_ai",
        "openai_chat",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
    ),
    vendor(
        "friendliai",
        "openai_chat",
        "https://api.friendli.ai/serverless/v1",
        "FRIENDLI_TOKEN",
    ),
    vendor(
        "groq",
        "openai_chat",
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
    ),
    vendor(
        "meta_llama",
        "openai_chat",
        "https://api.llama.com/compat/v1",
        "LLAMA_API_KEY",
    ),
    vendor(
        "minimax",
        "openai_chat",
        "https://api.minimax.io/v1",
        "MINIMAX_API_KEY",
    ),
    vendor(
        "mistral",
        "openai_chat",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
    ),
    vendor(
        "moonshot",
        "openai_chat",
        "https://api.moonshot.ai/v1",
        "MOONSHOT_API_KEY",
    ),
    vendor(
        "nvidia_nim",
        "openai_chat",
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_NIM_API_KEY",
    ),
    vendor(
        "openrouter",
        "openai_chat",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
    ),
    vendor(
        "sambanova",
        "openai_chat",
        "https://api.sambanova.ai/v1",
        "SAMBANOVA_API_KEY",
    ),
    vendor(
        "together_ai",
        "openai_chat",
        "https://api.together.xyz/v1",
        "TOGETHER_API_KEY",
    ),
    vendor(
        "volcengine",
        "openai_chat",
        "https://ark.cn-beijing.volces.com/api/v3",
        "VOLCENGINE_API_KEY",
    ),
    vendor("xai", "openai_chat", "https://api.x.ai/v1", "XAI_API_KEY"),
    vendor(
        "zai",
        "openai_chat",
        "https://api.z.ai/api/paas/v4",
        "ZAI_API_KEY",
    ),
    own("ollama", Some("http://localhost:11434/v1")),
    own("ollama_chat", Some("http://localhost:11434/v1")),
    own("custom_openai", None),
    own("hosted_vllm", None),
    own("litellm_proxy", None),
    own("llamafile", None),
    own("lm_studio", None),
    own("openai_like", None),
    own("text-completion-openai", None),
    own("vllm", None),
    own("xinference", None),
];

/// These are asked in ways that are not built: signatures, formats of their own.
const FOREIGN: &[&str] = &[
    "ai21",
    "azure",
    "azure_ai",
    "azure_text",
    "baseten",
    "bedrock",
    "bedrock_converse",
    "cloudflare",
    "cohere",
    "cohere_chat",
    "databricks",
    "gigachat",
    "github_copilot",
    "huggingface",
    "nlp_cloud",
    "oci",
    "petals",
    "predibase",
    "replicate",
    "sagemaker",
    "sagemaker_chat",
    "snowflake",
    "triton",
    "vertex_ai",
    "vertex_ai_beta",
    "watsonx",
];

/// Who is asked by a model's name.
pub(super) enum Found {
    /// And the name that is sent to it.
    Vendor(&'static Vendor, String),
    /// Nobody knows the vendor, but it is said where it is.
    Compatible(String),
    Foreign(String),
}

/// `told` is `custom_llm_provider`.
pub(super) fn find(model: &str, told: Option<&str>, has_base: bool) -> Found {
    let (prefix, rest) = match (told, model.split_once('/')) {
        (Some(told), Some((prefix, rest))) if prefix == told => (told, rest),
        (Some(told), _) => (told, model),
        (None, Some((prefix, rest))) => (prefix, rest),
        (None, None) if model.starts_with("claude") => ("anthropic", model),
        // Without a prefix it is Google's other door, whose requests are signed.
        (None, None) if model.starts_with("gemini") && !has_base => ("vertex_ai", model),
        (None, None) => ("openai", model),
    };
    if let Some(vendor) = VENDORS.iter().find(|vendor| vendor.prefix == prefix) {
        return Found::Vendor(vendor, rest.to_owned());
    }
    match has_base && !FOREIGN.contains(&prefix) {
        true => Found::Compatible(model.to_owned()),
        false => Found::Foreign(prefix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(model: &str, told: Option<&str>, has_base: bool) -> String {
        match find(model, told, has_base) {
            Found::Vendor(vendor, model) => format!("{} {model}", vendor.prefix),
            Found::Compatible(model) => format!("? {model}"),
            Found::Foreign(prefix) => format!("no {prefix}"),
        }
    }

    #[test]
    fn the_prefix_names_the_vendor() {
        assert_eq!(found("openai/gpt-4o", None, false), "openai gpt-4o");
        assert_eq!(found("gpt-4o", None, false), "openai gpt-4o");
        assert_eq!(found("claude-x", None, false), "anthropic claude-x");
        assert_eq!(
            found("openrouter/anthropic/claude-x", None, false),
            "openrouter anthropic/claude-x"
        );
        assert_eq!(found("org/name", Some("openai"), true), "openai org/name");
        assert_eq!(found("openai/name", Some("openai"), true), "openai name");
        assert_eq!(found("org/name", None, true), "? org/name");
        assert_eq!(found("org/name", None, false), "no org");
        assert_eq!(found("azure/x", None, true), "no azure");
        assert_eq!(found("gemini-pro", None, false), "no vertex_ai");
    }
}
