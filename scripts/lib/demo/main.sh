# main.sh: the main job with λ learned and, beside it, with λ frozen. Sourced by demo, not run.
# shellcheck shell=bash disable=SC2034,SC2154

default_seeds=1,2,3
declare -A learned frozen

# submit SEED LEARNING_RATE NAME: prints the job's id.
submit() {
    jq --argjson seed "$1" --argjson rate "$2" --arg name "$3" --argjson quick "$quick" \
        '.seed = $seed | .meta.optimizer.learning_rate = $rate | .name = $name |
         if $quick == 1 then .inner.warmup.steps = 20 | .meta.updates = 3 | .evaluation.every_updates = 1 else . end' \
        scripts/lib/demo/main-job.json | post
}

submit_jobs() {
    for seed in "${seeds[@]}"; do
        learned[$seed]=$(submit "$seed" 0.05 "seed $seed, λ learned")
        frozen[$seed]=$(submit "$seed" 0 "seed $seed, λ frozen")
    done
    say "jobs: ${learned[*]} (λ learned) and ${frozen[*]} (λ frozen)"
}

look_at() { echo "${learned[${seeds[0]}]}"; }

# result ID: loss, accuracy, test accuracy of the restored best weights.
result() {
    completed "$1" |
        jq -r '.result | [.metrics["validation/loss"], .metrics["validation/accuracy"], .metrics["test/accuracy"], .step] | @tsv'
}

show_results() {
    local rows=""
    printf '%-6s %-24s %-24s %-22s %s\n' seed 'validation loss' 'validation accuracy' 'test accuracy' 'best at step'
    printf '%-6s %-24s %-24s %-22s %s\n' '' 'learned  frozen' 'learned  frozen' 'learned  frozen' 'learned  frozen'
    for seed in "${seeds[@]}"; do
        read -r loss accuracy test step < <(result "${learned[$seed]}")
        read -r loss0 accuracy0 test0 step0 < <(result "${frozen[$seed]}")
        rows+="$loss $loss0 $accuracy $accuracy0 $test $test0"$'\n'
        LC_ALL=C printf '%-6s %-8.4f %-15.4f %-8.3f %-15.3f %-8.4f %-13.4f %-8s %s\n' "$seed" \
            "$loss" "$loss0" "$accuracy" "$accuracy0" "$test" "$test0" "$step" "$step0"
    done
    LC_ALL=C awk '{for (i = 1; i <= 6; i++) s[i] += $i; n++; half += ($1 < $2 / 2)} END {
        printf "%-6s %-8.4f %-15.4f %-8.3f %-15.3f %-8.4f %-13.4f\n", "mean", s[1]/n, s[2]/n, s[3]/n, s[4]/n, s[5]/n, s[6]/n
        printf "\nvalidation loss below half of frozen in %d of %d seeds; validation accuracy %+.3f in the mean\n", half, n, (s[3]-s[4])/n}' <<< "${rows%$'\n'}"
    cat << 'TXT'

What this shows: λ holds one L2 coefficient per network parameter, 118,282 of them, and the
hypergradient is good enough to fit 500 validation images with them. That is the paper's stress test of
the estimate of H⁻¹v, not better generalization: look at the test accuracy, which hardly moves.
TXT
}
