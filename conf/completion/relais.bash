# relais.bash: completion of parameter names, services, queue IDs and subcommands for bash.

_relais_ids()
{
    postqueue -j 2>/dev/null | sed -n 's/.*"queue_id": "\([0-9A-Za-z]*\)".*/\1/p'
}

_relais_words()
{
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

_relais_postconf()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=" ${COMP_WORDS[*]} "
    case $prev in
    -c) COMPREPLY=($(compgen -d -- "$cur")); return ;;
    -C) _relais_words "builtin service user all"; return ;;
    -T) _relais_words "compile-version run-version public-key-algorithms"; return ;;
    esac
    case $cur in
    -*) _relais_words "-a -A -b -c -C -d -e -f -F -h -H -j -l -m -M -n -o -p -P -q -t -T -v -x -X -# --unbuilt --help"; return ;;
    esac
    case $words in
    *" -M"*) _relais_words "$(postconf -qF 2>/dev/null | sed -n 's,/service = .*,,p')" ;;
    *" -F"*) _relais_words "$(postconf -qFH 2>/dev/null)" ;;
    *" -P"*) _relais_words "$(postconf -qPH 2>/dev/null)" ;;
    *" -X "* | *" -# "* | *" -n "*) _relais_words "$(postconf -qnH 2>/dev/null)" ;;
    *)
        _relais_words "$(postconf -qH 2>/dev/null)"
        case $words in *" -e "* | *" -o "*) compopt -o nospace; COMPREPLY=("${COMPREPLY[@]/%/=}") ;; esac ;;
    esac
}

_relais_postsuper()
{
    case ${COMP_WORDS[COMP_CWORD-1]} in
    -[defhHr]) _relais_words "ALL - $(_relais_ids)" ;;
    -c) COMPREPLY=($(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")) ;;
    *) _relais_words "-c -d -e -f -h -H -p -r -s -S -v --help incoming active deferred hold maildrop corrupt" ;;
    esac
}

_relais_postqueue()
{
    case ${COMP_WORDS[COMP_CWORD-1]} in
    -i) _relais_words "$(_relais_ids)" ;;
    -c) COMPREPLY=($(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")) ;;
    *) _relais_words "-c -f -i -j -p -s -v --help" ;;
    esac
}

_relais_postcat()
{
    local cur=${COMP_WORDS[COMP_CWORD]}
    case " ${COMP_WORDS[*]} " in
    *" -q"* | *" -"[a-pr-z]*q" "*)
        case $cur in -*) ;; *) _relais_words "$(_relais_ids)"; return ;; esac ;;
    esac
    case $cur in
    -*) _relais_words "-b -c -d -e -f -h -o -q -r -s -v --help" ;;
    *) COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
}

_relais_postfix()
{
    case ${COMP_WORDS[COMP_CWORD-1]} in
    -c) COMPREPLY=($(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")) ;;
    *) _relais_words "start start-fg stop abort drain flush reload status check set-permissions upgrade-configuration logrotate -c -D -v --help" ;;
    esac
}

_relais_qshape()
{
    _relais_words "-b -c -l -m -n -N -p -s -t -w --help incoming active deferred hold maildrop"
}

complete -F _relais_postconf postconf
complete -F _relais_postsuper postsuper
complete -F _relais_postqueue postqueue
complete -F _relais_postcat postcat
complete -F _relais_postfix postfix
complete -F _relais_qshape qshape
