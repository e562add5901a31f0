# Completion of warroom for fish. Install it:
#   warroom completion fish > ~/.config/fish/completions/warroom.fish
function __warroom_complete
    set -l lines (command warroom __complete fish (commandline -cp | string collect) 2>/dev/null)
    printf '%s\n' $lines[2..-1]
    switch "$lines[1]"
        case files
            __fish_complete_path (commandline -ct)
        case folders
            __fish_complete_directories (commandline -ct)
    end
end
complete -c warroom -f -a '(__warroom_complete)' -k
