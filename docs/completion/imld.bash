# imld.bash: completion of the daemon's command line
_imld() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    case $before in
        --config) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
        --state | --data-root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
        --log-level) mapfile -t COMPREPLY < <(compgen -W "error warn info debug" -- "$word"); return ;;
        --listen) mapfile -t COMPREPLY < <(compgen -W "unix: 127.0.0.1:" -- "$word"); return ;;
        --threads | --memory) return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "--config --state --listen --dev --threads --memory --data-root \
--log-level --check-config --version --help" -- "$word")
}
complete -F _imld imld
