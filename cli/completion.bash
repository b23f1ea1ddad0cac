# SPDX-License-Identifier: Apache-2.0
# bash completion for callgate(1)

# What follows belongs to another command: it is completed as that command would be.
_callgate_command() {
        local at=$1

        if declare -F _command_offset >/dev/null; then
                _command_offset "$at"
        elif ((COMP_CWORD == at)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$2")
                compopt -o default # a path, where no command has such a name
        else
                compopt -o default
        fi
}

_callgate() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local verb=${COMP_WORDS[1]-} options='' takes='' files=0 command=1 i word

        COMPREPLY=()
        if ((COMP_CWORD == 1)); then
                mapfile -t COMPREPLY < <(compgen -W 'dry-run record run answer reload verify events import policy profile status sessions snapshot drain --help --version' -- "$current")
                return
        fi
        # Options of each verb, and those of them that take a value.
        case $verb in
        dry-run)
                options='--profile --output --json --all --events --fix --fail-on-violation --supervisor --detach --allow-incomplete --help'
                takes=' -p --profile -o --output --events --fix --supervisor '
                ;;
        record)
                options='--output --args --base --merge --for --evidence --events --supervisor --detach --allow-incomplete --help'
                takes=' -o --output --base --for --evidence --events --supervisor '
                ;;
        run)
                options='--profile --policy --var --label --state --answers --all --json --events --quiet --supervisor --detach --help'
                takes=' -p --profile --policy --var --label --state --answers --events --supervisor '
                ;;
        answer)
                options='--answers --help'
                takes=' --answers '
                command=0
                ;;
        reload)
                options='--session --control --help'
                takes=' --session --control '
                command=0
                ;;
        status)
                options='--json --control --help'
                takes=' --control '
                command=0
                ;;
        drain)
                options='--control --help'
                takes=' --control '
                command=0
                ;;
        sessions)
                options='--all --pod --namespace --container --image --unit --label --json --mode --profile --policy --every --end --control --help'
                takes=' --pod --namespace --container --image --unit --label --mode --profile --policy --control '
                command=0
                ;;
        snapshot)
                options='--output --args --base --merge --for --with-runtime --evidence --format --json --fix --events --allow-incomplete --control --help'
                takes=' -o --output --base --for --evidence --format --fix --events --control '
                command=0
                ;;
        verify)
                options='--quiet --help'
                files=1 # PROFILE
                ;;
        events)
                options='--follow --refused --all --json --node --namespace --pod --container --image --unit --label --session --control --help'
                takes=' --node --namespace --pod --container --image --unit --label --session --control '
                command=0
                ;;
        import)
                if ((COMP_CWORD == 2)); then
                        mapfile -t COMPREPLY < <(compgen -W 'audit strace --help' -- "$current")
                elif [[ $current == -* ]]; then
                        mapfile -t COMPREPLY < <(compgen -W '--output --json --arch --quiet --help' -- "$current")
                else
                        compopt -o default
                fi
                return
                ;;
        policy)
                if ((COMP_CWORD == 2)); then
                        mapfile -t COMPREPLY < <(compgen -W 'check explain test --help' -- "$current")
                elif [[ $current == -* ]]; then
                        options='--help'
                        case ${COMP_WORDS[2]} in
                        check) options='--var --strict --json --help' ;;
                        explain) options='--var --json --families --emulations --help' ;;
                        test) options='--var --json --quiet --help' ;;
                        esac
                        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
                else
                        compopt -o default
                fi
                return
                ;;
        profile)
                if ((COMP_CWORD == 2)); then
                        mapfile -t COMPREPLY < <(compgen -W 'check convert diff dry-run-profile explain from-events inspect merge replay simulate tighten --help' -- "$current")
                elif [[ $current == -* ]]; then
                        options='--help'
                        case ${COMP_WORDS[2]} in
                        check) options='--fleet --runtime --no-new-privs --strict --ignore --quiet --fix --output --json --arch --cap --kernel --dialect --help' ;;
                        explain) options='--blocked --risky --json --arch --cap --kernel --dialect --help' ;;
                        inspect) options='--self --proc --all --risky --filters --arch --json --help' ;;
                        convert) options='--to --output --lossy --name --api --json --arch --cap --kernel --dialect --help' ;;
                        dry-run-profile) options='--output --listener --metadata --log --runtime --record --arch --cap --kernel --dialect --help' ;;
                        diff) options='--subset --json --arch --cap --kernel --dialect --help' ;;
                        merge) options='--output --intersect --approximate --max-alternatives --arch --cap --kernel --dialect --help' ;;
                        from-events) options='--output --args --for --with-runtime --base --merge --evidence --allow-incomplete --node --namespace --pod --container --image --unit --label --session --help' ;;
                        replay) options='--json --arch --cap --kernel --dialect --help' ;;
                        tighten) options='--output --keep --for --comment --allow-incomplete --arch --cap --kernel --dialect --help' ;;
                        simulate) options='--events --json --arch --cap --kernel --dialect --help' ;;
                        esac
                        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
                else
                        compopt -o default
                fi
                return
                ;;
        *)
                return
                ;;
        esac

        # Where does the command begin? At the first word that is neither an option, nor its value, nor PROFILE.
        if ((command)); then
                for ((i = 2; i < COMP_CWORD; i++)); do
                        word=${COMP_WORDS[i]}
                        if [[ $word == -- ]]; then
                                _callgate_command $((i + 1)) "$current"
                                return
                        elif [[ $word == -* ]]; then
                                # "--option=value" is three words here
                                if [[ ${COMP_WORDS[i + 1]-} == '=' ]]; then
                                        ((i += 2))
                                elif [[ $takes == *" $word "* ]]; then
                                        ((++i))
                                fi
                        elif ((files > 0)); then
                                ((files--))
                        else
                                _callgate_command "$i" "$current"
                                return
                        fi
                done
        fi

        if [[ $previous == '=' ]]; then
                previous=${COMP_WORDS[COMP_CWORD - 2]}
        elif [[ $current == '=' ]]; then
                current=''
        fi
        if [[ $previous == --for ]]; then
                mapfile -t COMPREPLY < <(compgen -W 'runc crun docker' -- "$current")
        elif [[ $previous == --mode ]]; then
                mapfile -t COMPREPLY < <(compgen -W 'record dry-run enforce policy' -- "$current")
        elif [[ $previous == --format ]]; then
                mapfile -t COMPREPLY < <(compgen -W 'oci docker containers spo' -- "$current")
        elif [[ $takes == *" $previous "* ]]; then
                compopt -o default
        elif [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        elif ((!command || files > 0)); then
                compopt -o default
        else
                _callgate_command "$COMP_CWORD" "$current"
        fi
}
complete -F _callgate callgate
complete -o default -W '--config --check --json --replace --help --version' callgated
