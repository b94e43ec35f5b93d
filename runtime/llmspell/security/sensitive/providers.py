"""Keys of well-known services, which are known by how they begin. One row each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from llmspell.security.sensitive.shape import (
    DOTTED_CHARACTERS,
    LONG_TOKEN_CHARACTERS,
    Shape,
    token_runs,
)

__all__ = ["PROVIDERS", "Provider", "find_api_keys", "has_key_beginning"]


class Provider(NamedTuple):
    """Who gives the key out, how it begins and goes on, and where that is written.

    What follows the beginning holds a run of token characters, so that a key is at least 20 of
    them long: shorter texts are never looked at. Lengths are bounded, for speed.
    """

    name: str
    literal: str
    rest: str
    source: str


_GITHUB: Final = "https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/"
_GITLAB: Final = "https://docs.gitlab.com/security/tokens/#token-prefixes"
_AWS: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"
_SLACK: Final = "https://docs.slack.dev/authentication/tokens"
_STRIPE: Final = "https://docs.stripe.com/keys"
_OPENAI: Final = "https://platform.openai.com/docs/api-reference/authentication"
_DIGITALOCEAN: Final = "https://docs.digitalocean.com/reference/api/create-personal-access-token/"
_SHOPIFY: Final = "https://shopify.dev/changelog/app-secret-key-length-has-increased"
_GRAFANA: Final = "https://grafana.com/docs/grafana/latest/administration/service-accounts/"
_RULES: Final = "https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml"

PROVIDERS: Final = (
    Provider("AWS", "AKIA", "[A-Z2-7]{16}(?![A-Za-z0-9])", _AWS),
    Provider("AWS", "ASIA", "[A-Z2-7]{16}(?![A-Za-z0-9])", _AWS),
    Provider("GitHub", "ghp_", "[A-Za-z0-9]{36,255}", _GITHUB),
    Provider("GitHub", "gho_", "[A-Za-z0-9]{36,255}", _GITHUB),
    Provider("GitHub", "ghu_", "[A-Za-z0-9]{36,255}", _GITHUB),
    Provider("GitHub", "ghs_", "[A-Za-z0-9]{36,255}", _GITHUB),
    Provider("GitHub", "ghr_", "[A-Za-z0-9]{36,255}", _GITHUB),
    Provider("GitHub", "github_pat_", "[A-Za-z0-9_]{36,255}", _GITHUB),
    Provider("GitLab", "glpat-", "[A-Za-z0-9_-]{20,300}", _GITLAB),
    Provider("GitLab", "gldt-", "[A-Za-z0-9_-]{20,300}", _GITLAB),
    Provider("GitLab", "glrt-", "[A-Za-z0-9_-]{20,300}", _GITLAB),
    Provider("GitLab", "glptt-", "[A-Za-z0-9_-]{20,300}", _GITLAB),
    Provider("Slack", "xox", "[abeoprs]-[A-Za-z0-9-]{16,250}", _SLACK),
    Provider("Slack", "xapp-", "[0-9]-[A-Za-z0-9-]{16,250}", _SLACK),
    Provider("Stripe", "sk_live_", "[A-Za-z0-9]{16,247}", _STRIPE),
    Provider("Stripe", "rk_live_", "[A-Za-z0-9]{16,247}", _STRIPE),
    Provider("Stripe", "sk_test_", "[A-Za-z0-9]{16,247}", _STRIPE),
    Provider("Stripe", "rk_test_", "[A-Za-z0-9]{16,247}", _STRIPE),
    Provider("Stripe", "whsec_", "[A-Za-z0-9+/=]{24,100}", _STRIPE),
    Provider("Anthropic", "sk-ant-", "[A-Za-z0-9_-]{24,200}", "https://docs.claude.com/en/api"),
    Provider("OpenAI", "sk-proj-", "[A-Za-z0-9_-]{32,250}", _OPENAI),
    Provider("OpenAI", "sk-svcacct-", "[A-Za-z0-9_-]{32,250}", _OPENAI),
    Provider("OpenAI", "sk-admin-", "[A-Za-z0-9_-]{32,250}", _OPENAI),
    Provider("OpenAI", "sk-", "[A-Za-z0-9]{32,64}(?![A-Za-z0-9])", _OPENAI),
    Provider("OpenRouter", "sk-or-v1-", "[0-9a-f]{64}", "https://openrouter.ai/docs"),
    Provider(
        "Google",
        "AIza",
        "[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",
        "https://cloud.google.com/docs/authentication/api-keys",
    ),
    Provider("Google", "GOCSPX-", "[A-Za-z0-9_-]{28}", _RULES),
    Provider("Google", "ya29.", "[A-Za-z0-9_-]{20,300}", _RULES),
    Provider(
        "SendGrid",
        "SG.",
        r"[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}",
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
    ),
    Provider(
        "Twilio",
        "SK",
        "[0-9a-f]{32}(?![A-Za-z0-9])",
        "https://www.twilio.com/docs/glossary/what-is-a-sid",
    ),
    Provider(
        "npm",
        "npm_",
        "[A-Za-z0-9]{36}",
        "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/",
    ),
    Provider("PyPI", "pypi-", "AgE[A-Za-z0-9_-]{50,300}", "https://pypi.org/help/#apitoken"),
    Provider("RubyGems", "rubygems_", "[0-9a-f]{48}", _RULES),
    Provider(
        "Hugging Face",
        "hf_",
        "[A-Za-z0-9]{30,40}(?![A-Za-z0-9])",
        "https://huggingface.co/docs/hub/security-tokens",
    ),
    Provider("DigitalOcean", "dop_v1_", "[0-9a-f]{64}", _DIGITALOCEAN),
    Provider("DigitalOcean", "doo_v1_", "[0-9a-f]{64}", _DIGITALOCEAN),
    Provider("DigitalOcean", "dor_v1_", "[0-9a-f]{64}", _DIGITALOCEAN),
    Provider(
        "Docker",
        "dckr_pat_",
        "[A-Za-z0-9_-]{27}",
        "https://docs.docker.com/security/access-tokens/",
    ),
    Provider("Shopify", "shpat_", "[0-9A-Fa-f]{32}", _SHOPIFY),
    Provider("Shopify", "shpss_", "[0-9A-Fa-f]{32}", _SHOPIFY),
    Provider("Groq", "gsk_", "[A-Za-z0-9]{52}", "https://console.groq.com/docs/quickstart"),
    Provider(
        "Replicate",
        "r8_",
        "[A-Za-z0-9]{37}",
        "https://replicate.com/docs/topics/security/api-tokens",
    ),
    Provider("Perplexity", "pplx-", "[A-Za-z0-9]{48}", _RULES),
    Provider("xAI", "xai-", "[A-Za-z0-9]{70,90}", "https://docs.x.ai/docs/overview"),
    Provider("Databricks", "dapi", "[0-9a-f]{32}(?:-[0-9])?(?![A-Za-z0-9])", _RULES),
    Provider("Grafana", "glsa_", "[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}", _GRAFANA),
    Provider("Grafana", "glc_", "[A-Za-z0-9+/]{32,400}", _GRAFANA),
    Provider(
        "HashiCorp Vault",
        "hvs.",
        "[A-Za-z0-9_-]{24,300}",
        "https://developer.hashicorp.com/vault/docs/concepts/tokens",
    ),
    Provider("Linear", "lin_api_", "[A-Za-z0-9]{40}", _RULES),
    Provider(
        "Notion", "ntn_", "[A-Za-z0-9]{40,50}", "https://developers.notion.com/page/changelog"
    ),
    Provider(
        "Figma",
        "figd_",
        "[A-Za-z0-9_-]{38,60}",
        "https://www.figma.com/developers/api#access-tokens",
    ),
    Provider("Postman", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}", _RULES),
    Provider("New Relic", "NRAK-", "[A-Z0-9]{27}", _RULES),
    Provider(
        "Supabase", "sbp_", "[0-9a-f]{40}", "https://supabase.com/docs/reference/api/introduction"
    ),
    Provider("Atlassian", "ATATT3", "[A-Za-z0-9_=-]{40,300}", _RULES),
    Provider("age", "AGE-SECRET-KEY-1", "[0-9A-Z]{58}", "https://github.com/FiloSottile/age"),
)


_BY_BEGINNING: Final = {
    beginning: tuple(row for row in PROVIDERS if row.literal.startswith(beginning))
    for beginning in {row.literal[:2] for row in PROVIDERS}
}


@cache
def _beginnings() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(row.literal) for row in PROVIDERS))


@cache
def _beginnings_in_bytes() -> re.Pattern[bytes]:
    return re.compile(_beginnings().pattern.encode())


@cache
def _whole(row: Provider) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9_]){re.escape(row.literal)}{row.rest}")


def has_key_beginning(shape: Shape) -> bool:
    """Return whether a long token holds the beginning of a key."""
    tokens = shape.long_tokens
    return bool(tokens) and _beginnings_in_bytes().search(tokens) is not None


def find_api_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield keys that begin as their provider documents, and are as long as theirs are."""
    done = 0
    for run, end in token_runs(text, LONG_TOKEN_CHARACTERS):
        start = max(done, run - DOTTED_CHARACTERS)
        while (beginning := _beginnings().search(text, start, end)) is not None:
            key_end = _key_end(text, beginning.start())
            if key_end is not None:
                yield beginning.start(), key_end
            start = done = key_end or beginning.start() + 1


def _key_end(text: str, start: int) -> int | None:
    for row in _BY_BEGINNING[text[start : start + 2]]:
        if text.startswith(row.literal, start):
            match = _whole(row).match(text, start)
            if match is not None:
                return match.end()
    return None
