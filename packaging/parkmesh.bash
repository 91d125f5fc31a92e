# Completion of parkmesh's commands and options in bash. The program itself knows them.
# Goes to /usr/share/bash-completion/completions/parkmesh.

_parkmesh() {
    local IFS=$'\n'
    # the name as it was typed: the program may not be on the path
    COMPREPLY=($("${COMP_WORDS[0]}" completion -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}

# Where the program offers nothing, names of files.
complete -o default -F _parkmesh parkmesh
