#compdef warroom
# Completion of warroom for zsh. Load it in ~/.zshrc, after compinit:
#   eval "$(warroom completion zsh)"
_warroom() {
    local -a lines values shown
    local line kind tab=$'\t'
    lines=("${(@f)$(command warroom __complete zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    kind=$lines[1]
    for line in "${(@)lines[2,-1]}"; do
        values+=("${line%%$tab*}")
        if [[ $line == *$tab* ]]; then
            shown+=("${line%%$tab*}  -- ${line#*$tab}")
        else
            shown+=("$line")
        fi
    done
    # -U: the program has matched them, whatever the case; compadd quotes what it inserts.
    (( $#values )) && compadd -U -l -V warroom -d shown -a -- values
    case $kind in
        files) _files ;;
        folders) _files -/ ;;
    esac
}
if [[ $funcstack[1] == _warroom ]]; then
    _warroom "$@"
else
    compdef _warroom warroom
fi
