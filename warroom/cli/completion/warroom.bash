# Completion of warroom for bash. Load it in ~/.bashrc:
#   eval "$(warroom completion bash)"
_warroom() {
    local kind='' line
    COMPREPLY=()
    {
        IFS= read -r kind
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done
    } < <(command warroom __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    case $kind in
        files) compopt -o default -o bashdefault 2>/dev/null ;;
        folders) compopt -o dirnames 2>/dev/null ;;
    esac
}
# nosort keeps open incidents first; bash before 4.4 does not know it.
complete -o nosort -F _warroom warroom 2>/dev/null || complete -F _warroom warroom
