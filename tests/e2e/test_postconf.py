"""postconf: what it prints, and what it leaves in main.cf and master.cf, beside Debian's.

Where Debian's package is at hand both run on the same files; elsewhere (and always, as a second
opinion) Relais is held against the outcome that was recorded with RECORD=1.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess

import pytest
from mta import BUILD, yardstick_root

HERE = pathlib.Path(__file__).parent
RECORDED = HERE / "data" / "postconf.json"

# ---- configurations ----------------------------------------------------------------------------

MASTER = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       y       -       -       smtpd
#smtps     inet  n       -       y       -       -       smtpd
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
"""

PIPES = """\
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
uucp      unix  -       n       n       -       -       pipe
  flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)
# between two lines of one service
mailman   unix  -       n       n       -       -       pipe
# inside a service
  flags=FRX user=list argv=/usr/lib/mailman/bin/postfix-to-mailman.py ${nexthop} ${user}
policy-spf unix -       n       n       -       0       spawn user=nobody argv=/usr/bin/policyd-spf
"""

SUBMISSION = """\
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o { smtpd_recipient_restrictions = permit_sasl_authenticated, reject }
  -o milter_macro_daemon_name=ORIGINATING
127.0.0.1:10025 inet n  -       n       -       -       smtpd -v
  -o content_filter= -o local_recipient_maps=
  -o myhostname=in.$mydomain -o mynetworks=127.0.0.0/8
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8,[::1]/128
slow      unix  -       -       n       -       3       smtp
  -o smtp_fallback_relay= -o smtp_helo_name=${myhostname}
dnsblog   unix  -       -       y       -       0       dnsblog
smtpd     pass  -       -       y       -       -       smtpd
"""

DEBIAN_MAIN = """\
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
#delay_warning_time = 4h
readme_directory = no
compatibility_level = 3.6
smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
smtpd_tls_security_level=may
smtp_tls_CApath=/etc/ssl/certs
smtp_tls_security_level=may
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = mail.example.com
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
mydestination = $myhostname, example.com, localhost.example.com, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
"""

MAIN_CASES = {
    "empty": "",
    "debian": DEBIAN_MAIN,
    "comments": "# top\n\nmyhostname = a.example\n  # inside\n  \n\tb\n#c\n d\nrelayhost =\n   [r.example]:25\n",
    "continuation": "mydestination = a.example,\n  b.example,\n\tc.example\n  , d.example\nmyhostname=x.example\n",
    "no_blanks": "myhostname=x.example\nmydomain=example\nmyorigin=$mydomain\nrelay_domains=$mydestination\n",
    "odd_blanks": "  \nmyhostname   =    x.example   \nmydomain\t=\texample\t\nrelayhost=\nmynetworks =    1.2.3.4    5.6.7.8\n",
    "twice": "myhostname = a.example\nmyorigin = b.example\nmyhostname = c.example\n",
    "user": "vdir = /var/v\nvirtual_mailbox_base = $vdir/x\nother = $vdir\nvirtual_mailbox_maps = hash:${vdir}/maps\n",
    "user_chain": "a1 = $b1\nb1 = ${c1}\nc1 = $(d1)\nd1 = end\nrelayhost = $a1\n",
    "unused": "nosuch_parameter = 1\nmyhostnam = x\nsmtpd_banner = $nosuch_thing $also_not\n",
    "nested": "a1 = x\nb1 =\nrelayhost = ${a1?${b1:[in.${a1}.example]}}\nmyorigin = ${b1?{yes}:{no$a1}}\nmydomain = ${{$a1} == {x} ? {eq.example} : {ne.example}}\n",
    "compare": "relayhost = ${{10} < {9} ? {lt} : {ge}}\nmyorigin = ${{abc} != {abd} ? {x}}\nmydomain = ${{1} == {1}}\nmyhostname = ${{$compatibility_level} <level {3.6} ? {old} : {new}}.example\n",
    "dollars": "smtpd_banner = costs $$5 and ${myhostname} $(mydomain) $myhostname.\ndefault_rbl_reply = $rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using $rbl_domain${rbl_reason?; $rbl_reason}\n",
    "classes": "smtpd_restriction_classes = greylist, strict\ngreylist = check_policy_service inet:127.0.0.1:60000\nstrict = reject_unknown_client_hostname $greylist\nsmtpd_recipient_restrictions = permit_mynetworks, greylist\n",
    "long": "mydestination = " + ", ".join(f"host{i}.some.example.com" for i in range(30)) + "\nmynetworks = " + " ".join(f"10.{i}.0.0/16" for i in range(40)) + "\n",
    "long_words": "relayhost = " + "x" * 100 + "\nmydestination = " + "y" * 70 + " " + "z" * 70 + "\n",
    "transports": "slow_destination_concurrency_limit = 1\nslow_destination_rate_delay = 2s\nmaildrop_destination_recipient_limit = 1\npolicy-spf_time_limit = 3600s\nnone_destination_recipient_limit = 1\nsmtp_destination_concurrency_limit = 3\nmaildrop_time_limit = 5\nlocal_transport_rate_delay = 1s\n",
    "tables": "alias_maps = hash:/etc/aliases\nvirtual_alias_maps = ldap:valias, hash:/etc/x.cf\nvalias_server_host = ldap.example\nvalias_search_base = dc=example\nvother_server_host = x\nlocal_recipient_maps = proxy:unix:passwd.byname $alias_maps\n",
    "inline": "transport_maps = inline:{ {a.example = smtp:[b.example]} , c.example=local: }\nsmtpd_sender_restrictions = check_sender_access inline:{ a@b.example=reject }, permit\n",
    "legacy": "virtual_maps = hash:/etc/v\nmasquerade_classes = envelope_sender\nsmtpd_use_tls = yes\nsmtp_use_tls = yes\nsmtpd_tls_dh1024_param_file = /x\nfallback_relay = y\nauthorized_verp_clients = $mynetworks\n",
    "restrictions": "smtpd_recipient_restrictions =\n    permit_mynetworks,\n    permit_sasl_authenticated,\n    reject_unauth_destination,\n    check_policy_service { unix:private/policy, timeout=10s, default_action = DUNNO },\n    reject_rbl_client zen.spamhaus.org=127.0.0.[2..11],\n    permit\nmua_client_restrictions = permit_sasl_authenticated, reject\n",
    "quotes": "smtpd_banner = \"quoted\" 'text' # no comment\nmail_name = A & B <c>\nrelayhost = [2001:db8::1]:587\n",
    "utf8": "smtpd_banner = gr\u00fc\u00df euch\nmyhostname = b\u00fccher.example\n",
    "booleans": "soft_bounce = YES\nbiff = No\nstrict_rfc821_envelopes = yes\nsmtpd_helo_required = yes\ndisable_vrfy_command = yes\nshow_user_unknown_table_name = no\n",
    "times": "maximal_queue_lifetime = 2d\nbounce_queue_lifetime = 1w\nminimal_backoff_time = 5m\nqueue_run_delay = 300\nsmtpd_timeout = ${stress?{10}:{300}}s\n",
    "recursion": "a1 = $b1\nb1 = $a1\nmyorigin = fine.example\n",
    "case": "MyHostname = x.example\nmydomain = Example.COM\nMYORIGIN = y\n",
    "equals": "smtpd_banner = a = b == c\nrelayhost == x\nmyorigin = =\n",
    "trailing_comment_lines": "myhostname = a.example\n# one\n# two\n\n\n",
    "crlf": "myhostname = a.example\r\nmydomain = example\r\n",
    "no_newline": "myhostname = a.example\nmydomain = example",
    "bad_line": "myhostname = a.example\nthis is no setting\nmydomain = example\n",
    "leading_blank": "  myhostname = a.example\nmydomain = example\n",
    "bad_macro": "myorigin = ${unclosed\nmydomain = example\n",
}

MASTER_CASES = {
    "plain": MASTER,
    "pipes": MASTER + PIPES,
    "submission": MASTER + SUBMISSION,
    "all": MASTER + SUBMISSION + PIPES,
    "spread": MASTER.replace("       ", " ").replace("        -o", "\t-o"),
    "twice": MASTER + "smtp inet n - n - - smtpd -o myhostname=second.example\n",
    "short": MASTER + "broken unix - - n\n",
    "bad_type": MASTER + "broken xnix - - n - - smtp\n",
    "bad_flag": MASTER + "broken unix q - n - - smtp\n",
    "bad_number": MASTER + "broken unix - - n x - smtp\n",
    "options": MASTER + "opt inet n - n - - smtpd -o a1=b -o {c1 = d e} -o { f1 = g } -v -o nosuch=1 -o smtpd_banner=$a1 x y\n"
    "opt2 unix - - n - - smtp -v -v -o smtp_bind_address=1.2.3.4\n   { a b } {c}\n",
    "public_inet": MASTER + "broken inet y - n - - smtpd\n",
    "empty": "",
}

GENERATED_NAMES = (
    "myhostname mydomain myorigin relayhost mydestination mynetworks smtpd_banner transport_maps "
    "virtual_alias_maps relay_domains smtpd_client_restrictions smtpd_helo_restrictions my_own other_own "
    "smtp_helo_name slow_destination_rate_delay relay_destination_recipient_limit command_time_limit "
    "alias_maps local_recipient_maps smtpd_milters default_privs canonical_maps smtpd_junk_command_limit"
).split()
GENERATED_WORDS = [
    "a.example", "b.example,", "$mydomain", "${myhostname}", "$(my_own)", "${my_own?{x$other_own}:{y}}",
    "hash:/etc/x", "$$", "${other_own:none}", "10.0.0.0/8,", "[::1]/128", "{ a b }", "check_x", "inline:{k=v}",
    "${{$my_own}=={w}?{1}:{2}}", "30s", "no", "permit_mynetworks,", "reject", "$undefined_name", "#", "x=y", "w",
]  # fmt: skip


def generated(seed):
    rand = random.Random(seed)
    lines = []
    for name in rand.sample(GENERATED_NAMES, rand.randint(4, 14)):
        refers = name not in ("mydomain", "myhostname", "my_own", "other_own")  # no circles
        choice = [w for w in GENERATED_WORDS if refers or "$" not in w]
        words = [rand.choice(choice) for _ in range(rand.choice((0, 1, 2, 3, 8, 20)))]
        value = ""
        for word in words:
            value += rand.choice((" ", " ", "  ", "\n    ", "\n\t", "\n# note\n  ")) + word
        if name == "compatibility_level":
            value = " 3.6"
        if rand.random() < 0.3:
            lines.append(rand.choice(("# a note", "", "   # indented note", "#" + name + " = off")))
        lines.append(name + rand.choice((" =", "=", " = ")) + value)
    services = []
    names = rand.sample(["slow", "smtp", "relay", "submission", "policy-x", "10025", "s1"], 7)
    for _ in range(rand.randint(1, 5)):
        kind = rand.choice(("inet", "unix", "unix"))
        service = names.pop()
        command = rand.choice(("smtpd",) if kind == "inet" else ("smtp", "pipe", "spawn", "lmtp", "local"))
        line = f"{service}  {kind} {'n' if kind == 'inet' else '-'} - {rand.choice('yn-')} - {rand.choice('-150')} {command}"
        for _ in range(rand.randint(0, 5)):
            name, word = rand.choice(GENERATED_NAMES), rand.choice(GENERATED_WORDS).strip(",")
            if name in ("mydomain", "myhostname", "my_own", "other_own") and "$" in word:
                word = "w"
            option = rand.choice((f"-o {name}={word}", f"-o {{ {name} = {word} b }}", f"-o {{{name}={word} c}}"))
            if re.search(r"=\{|[{}]", word) and option.startswith("-o " + name):
                option = f"-o {{ {name} = {word} }}"
            if word == "{ a b }":
                option = "-v"
            line += rand.choice((" ", "\n  ", "\n# note\n    ")) + option
        if command == "pipe":
            line += "\n    flags=R user=nobody argv=/bin/x $recipient"
        services.append(line)
    return "\n".join(lines) + "\n", "\n".join(services) + "\n"


def configurations():
    cases = {}
    for name, text in MAIN_CASES.items():
        cases["main_" + name] = (text, MASTER + SUBMISSION + PIPES)
    for name, text in MASTER_CASES.items():
        cases["master_" + name] = (DEBIAN_MAIN, text)
    for folder in ("minimal", "webserver", "server", "relay"):
        main = "".join(p.read_text() for p in sorted((HERE / "data" / folder).glob("main.cf*")))
        extra = "".join(p.read_text() for p in sorted((HERE / "data" / folder).glob("master.cf*")))
        if main:
            cases["howto_" + folder] = (main, MASTER + extra)
    for seed in range(24):
        cases[f"generated_{seed}"] = generated(seed)
    return cases


CASES = configurations()

# ---- what is run on each ---------------------------------------------------------------------

SHOW = [
    "-n", "-x -n", "-M", "-F", "-P", "-f -n", "-fx -n", "-h -n", "-H -n", "-n -C user", "-n -C service",
    "-n -C builtin", "-n -C all", "-C user", "-C user -d", "-C service", "-C service,user -n", "-d -C service",
    "-Mf", "-Mx", "-Mfx", "-Fx", "-Fh", "-FH", "-Ff", "-Px", "-Ph", "-PH", "-Pf", "-M smtp", "-M smtp/inet smtp/unix",
    "-M */unix", "-M nosuch", "-M nosuch/inet", "-F */inet/command", "-F smtp/*/chroot", "-F smtp/inet/nosuch",
    "-F nosuch", "-P submission/inet", "-P */*/syslog_name", "-P */inet/nosuch", "-P relay/unix/syslog_name",
    "-n -o my_own=w", "-x -n -o myhostname=over.example", "-x myhostname myorigin", "myhostname nosuch relayhost",
    "-d relayhost smtp_destination_concurrency_limit", "slow_destination_rate_delay", "-h relayhost mydestination",
    "-H relayhost", "-p relayhost", "-px -n", "-M -o my_own=w", "-Mx -o my_own=w -o mydomain=d.example", "-Px -o mydomain=d.example",
]  # fmt: skip

EDIT = [
    "-e myhostname=new.example", "-e relayhost=", "-e new_name=new_value relayhost=[x]:25", "-e myorigin=a=b",
    "myorigin=plain.example", "-e mydestination=a,b,c myhostname=z relayhost=q my_own=other", "-e my_own=1 my_own=2",
    "-X myhostname", "-X myhostname mydomain nosuch", "-X mydestination relayhost smtpd_recipient_restrictions",
    "-# myhostname", "-# mydestination relayhost nosuch smtpd_recipient_restrictions",
    "-M -X smtp/inet", "-M -X relay/unix maildrop/unix", "-M -X nosuch/unix", "-MX */inet",
    "-M -# smtp/inet", "-M# relay/unix mailman/unix", "-M# */inet",
    "-M -e smtp/inet=smtp__inet__n__-__n__-__-__smtpd__-v", "-Me new/unix=new__unix__-__-__n__-__-__smtp__-o__a=b",
    "-M relay/unix=relay__unix__-__-__n__-__-__smtp__-o__{__a__=__b__c__}__-o__d=e", "-M -e smtp/inet=smtp__inet__n",
    "-F -e smtp/inet/chroot=n", "-F */inet/chroot=n", "-F */*/chroot=n", "-F relay/unix/command=smtp__-o__x=y",
    "-F smtp/inet/service=2525", "-F smtp/inet/type=unix", "-F smtp/inet/process_limit=10", "-F nosuch/inet/chroot=n",
    "-F smtp/inet/private=x", "-F smtp/inet=x", "-F smtp/inet/nosuch=x", "-F maildrop/unix/wakeup=5",
    "-P -e smtp/inet/myhostname=p.example", "-P submission/inet/syslog_name=other", "-P relay/unix/a=b relay/unix/c=d__e",
    "-P */unix/syslog_name=all", "-P -X submission/inet/syslog_name", "-P -X */*/syslog_name", "-PX submission/inet/nosuch",
    "-P 127.0.0.1:10025/inet/mynetworks=x", "-P slow/unix/fallback_relay=y__z", "-P -# submission/inet/syslog_name",
    "-P maildrop/unix/syslog_name=md", "-F submission/inet/command=smtpd", "-P nosuch/unix/a=b", "-P relay/unix/syslog_name=",
]  # fmt: skip

# Where the two differ, and why.
DIFFERENCES = [
    ("", "bad_macro", "3.7 gives up on a broken macro also when nothing is expanded"),
    ("-M -e", "master_twice", "3.7 replaces the first of two entries and drops none"),
    ("", "public_inet", "ours refuses a private inet service in every command"),
    (r"", "main_no_newline", "3.7 joins what it adds to a last line without newline"),
    ("", "main_recursion.*", "the warning names the text where ours ran in circles"),
    ("-M|-F", "master_options", "3.7 loses the braces around arguments other than -o"),
    ("", "master_(short|bad)", "ours names file and line, and what the master will say"),
    (r"-Fh$", None, "3.7 leaves out the blank between command and arguments of pipe services"),
    (r"-C user", "legacy|recursion", "3.7 counts names of old as user-defined"),
    (r"-F smtp/inet/nosuch", None, "3.7 warns about other things before it gives up"),
]


def is_known_difference(name, command):
    return any(re.search(c, command) and (n is None or re.search(n, name)) for c, n, _ in DIFFERENCES)


def commands_for(index):
    """The listings for every configuration, and a changing share of all the rest."""
    rest = SHOW[5:] + EDIT
    return SHOW[:5] + [c for i, c in enumerate(rest) if (i + index) % 9 == 0]


RUNS = [
    (name, command)
    for index, name in enumerate(CASES)
    for command in commands_for(index)
    if not is_known_difference(name, command)
]


def outcome(program, folder, name, command):
    """Exit code, output, warnings and what is left in the files, in comparable form."""
    folder.mkdir(parents=True)
    main, master = CASES[name]
    (folder / "main.cf").write_bytes(main.encode())
    (folder / "master.cf").write_bytes(master.encode())
    args = [word.replace("__", " ") for word in command.split()]
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAIL_")}
    got = subprocess.run(
        ["postconf", "-c", folder, *args], executable=program, env=env, capture_output=True, timeout=60
    )
    errors = got.stderr.decode(errors="replace").replace(str(folder), "DIR")
    # 3.7 reads main.cf several times, and then takes its own values for earlier entries. The
    # order in which it warns, and in which it adds new names, changes from run to run.
    errors = sorted(set(re.sub(r"(, line )\d+(: overriding .*?)=.*", r"\1N\2", errors).splitlines()))
    written = (folder / "main.cf").read_text(errors="replace").splitlines()
    if command.count("=") > 1 and not command.startswith("-"):
        written.sort()
    if command.startswith("-e"):
        written.sort()
    return [
        got.returncode,
        got.stdout.decode(errors="replace").replace(str(folder), "DIR"),
        errors,
        written,
        (folder / "master.cf").read_text(errors="replace").splitlines(),
    ]


def all_outcomes(program, folder, runs):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        numbered = enumerate(runs)
        return list(pool.map(lambda item: outcome(program, folder / str(item[0]), *item[1]), numbered))


def digest(result):
    return hashlib.sha256(json.dumps(result).encode()).hexdigest()[:12]


def explain(run, theirs, ours):
    parts = [f"{run[0]}: postconf {run[1]}"]
    for what, a, b in zip(("exit", "output", "errors", "main.cf", "master.cf"), theirs, ours):
        if a != b:
            a, b = (x.splitlines() if isinstance(x, str) else x if isinstance(x, list) else [x] for x in (a, b))
            parts += [f"  {what} Debian: {line}" for line in a if line not in b][:4]
            parts += [f"  {what}   ours: {line}" for line in b if line not in a][:4]
            parts += [f"  {what}: other order"] if sorted(map(str, a)) == sorted(map(str, b)) else []
    return "\n".join(parts)


def test_there_are_enough_configurations():
    assert len(CASES) >= 60


def test_every_listing_and_edit_is_as_debians_was(tmp_path):
    ours = all_outcomes(BUILD / "bin" / "postconf", tmp_path, RUNS)
    record = json.loads(RECORDED.read_text())
    problems = [
        f"{n}: postconf {c}" for (n, c), o in zip(RUNS, ours) if record[f"{n}|{c}"] != digest(o)
    ]
    assert not problems, f"{len(problems)} of {len(RUNS)} are not as recorded\n" + "\n".join(problems)


def test_side_by_side(tmp_path):
    """A sample, for Debian's postconf takes its time; all of it with RECORD=1, which is kept."""
    tree = yardstick_root()
    if tree is None:
        pytest.skip("Debian's postfix package cannot be fetched here")
    record = "RECORD" in os.environ
    runs = RUNS if record else RUNS[::23]
    theirs = all_outcomes(tree / "usr/sbin/postconf", tmp_path / "theirs", runs)
    ours = all_outcomes(BUILD / "bin" / "postconf", tmp_path / "ours", runs)
    if record:
        kept = {f"{n}|{c}": digest(t) for (n, c), t in zip(runs, theirs)}
        RECORDED.write_text(json.dumps(kept, indent=0) + "\n")
    problems = [explain(r, t, o) for r, t, o in zip(runs, theirs, ours) if t != o]
    assert not problems, f"{len(problems)} of {len(runs)} differ\n" + "\n".join(problems)
