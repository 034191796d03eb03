"""Logs of log-ins as Linux keeps them: `auth.log` and `secure`, by syslog, of sshd and PAM.

What a line becomes belongs here. A line is judged alone, whatever stands around it, so that a log
cut anywhere gives the same events; of the several lines that one attempt leaves, exactly one counts
(docs/formats.md says which).
"""

from datetime import date

from dagster_project.ingest.mapping_sql import quote_text
from dagster_project.ingest.shape import Shape

# With a year and mostly a zone, as syslog writes it today, or without, as it did for decades.
_STAMP = r"[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}|\d{4}-\d{2}-\d{2}T\S+"
_LINE = rf"^(?:<\d{{1,3}}>)?({_STAMP}) +(\S+) +(.*)$"
# `sshd[9]:`, `sudo:`, `(systemd):`, `gdm-password]:`, and `sshd(pam_unix)[9]:` of old PAM.
_TAG = r"^\(?([^\s:\[\]()]+)\)?(\(pam_unix\))?(?:\[\d+\])?\]?: ?(.*)$"
_REPEATED = r"^message repeated (\d+) times: \[ ?(.*)\]$"
_PAM = r"^pam_unix\(([^:()]+):\w+\): (.*)$"

# auth_log() and sshpam_query() of OpenSSH. A name is taken as long as it can be: whoever logs in
# chooses it, and may put ` from 192.0.2.1 port 1` into it.
_VERDICT = (
    r"^(Accepted|Failed) (\S+) for (invalid user )?(.*) from (\S+) port \d+"
    r"(?: ssh\d)?(?:: .*)?(?: \[preauth\])?$"
)
_VERDICT_PARTS = ("verb", "method", "invalid", "user", "ip")
_SSHD_PAM = r"^error: PAM: .*? for (illegal user )?(.*) from (\S+)$"
_FAILURE = r"^(?:(\d+) more )?authentication failures?;.*? rhost=(\S*)(?:\s+user=(.*?))?\s*$"
_SESSION = r"^session (opened|closed) for user (.*?)(?:\(uid=\d+\))?(?: by .*)?$"
_PASSWORD = r"^password changed for (.+)$"

_SSHD = ("sshd", "sshd-session", "sshd-auth")
# Those that leave the account of a log-in to PAM. sshd writes its own lines; cron, sudo, su and
# systemd open sessions of somebody who is in already, or of nobody.
_PAM_LOGINS = (
    "cockpit", "gdm", "gdm-autologin", "gdm-fingerprint", "gdm-password", "gdm-smartcard", "kde",
    "kdm", "lightdm", "login", "lxdm", "remote", "sddm", "slim", "vsftpd", "xdm", "xrdp-sesman",
)  # fmt: skip

# What else is told apart: the action, and a pattern of the user and the address (`()` for none).
_NOTES = (
    ("invalid_user", r"^(?:Invalid|Illegal) user (.*) from (\S+)(?: port \d+)?$"),
    ("invalid_user_asked", r"^input_userauth_request: invalid user (.*?)(?: \[preauth\])?()$"),
    ("not_allowed", r"^User (.*) from (\S+) not allowed because .*$"),
    (
        "attempts_exceeded",
        r"^error: maximum authentication attempts exceeded for (?:invalid user )?(.*) from (\S+) "
        r"port \d+.*$",
    ),
    (
        "disconnected",
        r"^(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting)"
        r"(?: (?:authenticating |invalid )?user (.*))? (\S+) port \d+(?:: .*)?(?: \[preauth\])?$",
    ),
    (
        "disconnected",
        r"^(?:error: )?(?:Connection (?:closed|reset) by|Received disconnect from) "
        r"()([0-9A-Fa-f:.]*[0-9A-Fa-f])(?:[ :].*)?$",
    ),
    ("channel_opened", r"^Starting session: .* for (.*) from (\S+) port \d+.*$"),
    ("session_registered", r"^New session \S+ of user (.*)\.()$"),
    ("command_run", r"^ *(\S+) : (?:.* ; )?TTY=()[^;]* ; PWD=.*$"),
    ("user_added", r"^new user: name=([^,]+),()"),
)


def auth_log_shape(read_on: date | None) -> Shape:
    """The shape of a line.

    Args:
        read_on: the day that stands for the arrival date of a file which has not landed yet.
    """
    failed = (
        "__ff_v.verb = 'Failed' and (__ff_v.method = 'password' "
        # PAM says the same of itself, each time; sshd only of some (`sshpam_query`).
        "or (starts_with(__ff_v.method, 'keyboard-interactive') "
        "and __ff_v.method <> 'keyboard-interactive/pam'))"
    )
    return Shape(
        is_json=False,
        steps=(
            f"*, {_parts('__ff_text', _LINE, 'stamp', 'host', 'rest')} as __ff_l",
            f"*, {_parts('__ff_l.rest', _TAG, 'program', 'old', 'message')} as __ff_t, "
            f"{_arrival(read_on)} as __ff_until",
            "*, case when __ff_t.program = '' then __ff_l.rest else __ff_t.message end as __ff_w",
            f"*, {_parts('__ff_w', _REPEATED, 'times', 'message', prefix='message rep')} as __ff_r",
            "*, case when __ff_r.times <> '' then __ff_r.message else __ff_w end as __ff_m",
            f"*, {_parts('__ff_m', _PAM, 'service', 'message', prefix='pam_unix(')} as __ff_p, "
            f"__ff_t.program in {_list(_SSHD)} and __ff_t.old = '' as __ff_is_sshd",
            # What PAM says, and of which service; `PAM 2 more …` comes from the service itself.
            "*, case when __ff_p.service <> '' then __ff_p.service "
            "when __ff_t.old <> '' or starts_with(__ff_m, 'PAM ') then __ff_t.program end "
            "as __ff_service, "
            "case when __ff_p.service <> '' then __ff_p.message when __ff_t.old <> '' then __ff_m "
            "when starts_with(__ff_m, 'PAM ') then substr(__ff_m, 5) end as __ff_says",
            f"*, case when __ff_is_sshd then {_parts('__ff_m', _VERDICT, *_VERDICT_PARTS)} end "
            "as __ff_v, "
            f"case when __ff_is_sshd and starts_with(__ff_m, 'error: PAM: ') "
            f"then {_parts('__ff_m', _SSHD_PAM, 'invalid', 'user', 'ip')} end as __ff_k, "
            f"{_parts('__ff_says', _FAILURE, 'more', 'ip', 'user')} as __ff_f, "
            f"{_parts('__ff_says', _SESSION, 'done', 'user', prefix='session ')} as __ff_s, "
            f"{_parts('__ff_says', _PASSWORD, 'user', prefix='password ')} as __ff_c, "
            f"coalesce(__ff_service in {_list(_PAM_LOGINS)} "
            "or (__ff_service = 'sshd' and __ff_t.old <> ''), false) as __ff_by_pam",
            f"*, case when __ff_v.verb = 'Accepted' or (__ff_by_pam and __ff_s.done = 'opened') "
            "then 'login_succeeded' "
            f"when ({failed}) or __ff_k.ip <> '' "
            "or (__ff_by_pam and (__ff_f.ip <> '' or __ff_f.user <> '')) then 'login_failed' "
            "when __ff_s.done = 'closed' and (__ff_by_pam or __ff_service = 'sshd') "
            "then 'logged_out' "
            "when __ff_c.user <> '' then 'password_changed' "
            "else 'auth_message_logged' end as __ff_event",
            f"*, case when __ff_event = 'auth_message_logged' then {_note()} end as __ff_n",
        ),
        errors=(("__ff_l.stamp = ''", "malformed_log_line"),),
        fields={
            "event_name": "__ff_event",
            "event_ts": _time(),
            "user_id": _first("user", "v", "k", "f", "s", "c", "n"),
            "ip": f"nullif({_first('ip', 'v', 'k', 'f', 'n')}, 'UNKNOWN')",
        },
        properties=_properties(),
    )


def _parts(text: str, pattern: str, *names: str, prefix: str = "") -> str:
    """The groups of a pattern, each empty where it does not match; null for a text of null."""
    parts = f"regexp_extract({text}, {quote_text(pattern)}, {_names(names)})"
    # Few lines begin so, and a pattern costs more than a look at the beginning.
    return (
        f"case when starts_with({text}, {quote_text(prefix)}) then {parts} end" if prefix else parts
    )


def _first(part: str, *structs: str) -> str:
    given = (f"nullif(__ff_{one}.{part}, '')" for one in structs)
    return f"coalesce({', '.join(given)})"


def _arrival(read_on: date | None) -> str:
    """The last day that a line may be of: the one after the file's arrival date.

    A clock may run ahead of UTC, and so does half the world; what is later is refused anyway.
    """
    day = r"try_cast(regexp_extract(__ff_file, '^[^/]+/(\d{4}-\d{2}-\d{2})/', 1) as date)"
    if read_on is not None:
        day = f"coalesce({day}, date '{read_on}')"
    return f"{day} + 1"


def _time() -> str:
    """The time as ISO 8601; without a year it is of the latest one that it can be of."""
    month = (
        "lpad(((instr('JanFebMarAprMayJunJulAugSepOctNovDec', left(__ff_l.stamp, 3)) + 2) // 3)"
        "::varchar, 2, '0')"
    )
    day = "replace(substr(__ff_l.stamp, 5, 2), ' ', '0')"
    is_later = f"({month} || {day}) > strftime(__ff_until, '%m%d')"
    year = f"(year(__ff_until) - case when {is_later} then 1 else 0 end)"
    # 29 February is of the leap year before.
    leap = f"{year} - case when {month} || {day} = '0229' then {year} % 4 else 0 end"
    dated = f"({leap}) || '-' || {month} || '-' || {day} || 'T' || right(__ff_l.stamp, 8)"
    return (
        f"case when __ff_l.stamp >= 'A' then coalesce({dated}, __ff_l.stamp) else __ff_l.stamp end"
    )


def _note() -> str:
    whens = " ".join(
        f"when regexp_matches(__ff_m, {quote_text(pattern)}) then struct_pack("
        f"action := {quote_text(action)}, "
        f"user := regexp_extract(__ff_m, {quote_text(pattern)}, 1), "
        f"ip := regexp_extract(__ff_m, {quote_text(pattern)}, 2))"
        for action, pattern in _NOTES
    )

    def plain(action: str) -> str:
        return f"struct_pack(action := '{action}', user := '', ip := '')"

    return (
        f"case when __ff_v.verb = 'Failed' then {plain('method_refused')} "
        f"when __ff_s.done = 'opened' then {plain('session_opened')} "
        f"when __ff_s.done = 'closed' then {plain('session_closed')} "
        f"when regexp_matches(__ff_says, {quote_text(_FAILURE)}) "
        f"then {plain('authentication_failed')} {whens} end"
    )


def _properties() -> str:
    is_login = "__ff_event in ('login_succeeded', 'login_failed')"
    is_unknown = (
        "__ff_v.invalid <> '' or __ff_k.invalid <> '' "
        # pam_unix says the name of a user whom it knows.
        "or (__ff_by_pam and __ff_f.user = '' and __ff_f.ip <> '')"
    )
    times = "coalesce(nullif(__ff_r.times, ''), nullif(__ff_f.more, ''))"
    method = (
        "case when __ff_k.ip <> '' then 'keyboard-interactive/pam' "
        f"when {is_login} then nullif(__ff_v.method, '') end"
    )
    reason = f"case when __ff_event = 'login_failed' and ({is_unknown}) then 'invalid_user' end"
    texts = {
        "host": "__ff_l.host",
        "program": "coalesce(__ff_service, nullif(__ff_t.program, ''))",
        "method": method,
        "failure_reason": reason,
        "action": "__ff_n.action",
    }
    members = [f"'\"{name}\":' || to_json({text})::varchar" for name, text in texts.items()]
    members = [
        f"case when ({text}) is not null then {member} end"
        for text, member in zip(texts.values(), members, strict=True)
    ]
    members.append(f"'\"occurrences\":' || try_cast({times} as hugeint)")
    return f"'{{' || concat_ws(',', {', '.join(members)}) || '}}'"


def _list(texts: tuple[str, ...]) -> str:
    return f"({', '.join(map(quote_text, texts))})"


def _names(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(map(quote_text, texts))}]"
