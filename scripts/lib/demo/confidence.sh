# confidence.sh: FixMatch on a contaminated pool and, beside it, with learned weights of the pool's
# images. Sourced by demo, not run.
# shellcheck shell=bash disable=SC2034,SC2154

default_seeds=1
declare -A plain weighed

# submit FORM SEED: prints the job's id.
submit() {
    jq --arg form "$1" --argjson seed "$2" --argjson quick "$quick" '
        .seed = $seed | .name = "seed \($seed), \($form)" |
        if $quick == 1 then
            .data.validation = 60 | .data.test = 120 | .data.unlabeled = 240 | .inner.batch = 4 | .inner.steps = 12 |
            .inner.warmup.steps = 4 | .inner.steps_per_update = 4 | .evaluation.every_steps = 6 |
            .meta.curvature.batch = 36 else . end |
        if $form == "fixmatch" then
            .algorithm = "fixmatch" | del(.confidence, .meta, .inner.warmup, .inner.steps_per_update) else . end' \
        scripts/lib/demo/confidence-job.json | post
}

submit_jobs() {
    for seed in "${seeds[@]}"; do
        plain[$seed]=$(submit fixmatch "$seed")
        weighed[$seed]=$(submit confidence "$seed")
    done
    say "jobs: ${plain[*]} (fixmatch) and ${weighed[*]} (confidence)"
}

look_at() { echo "${weighed[${seeds[0]}]}"; }

# histogram ID: of the job's last weights, images in and out of distribution.
histogram() {
    curl -fsS "$url/v1/jobs/$1/artifacts/weights" | jq -r '
        range(.all | length) as $i | [.edges[$i], .edges[$i + 1], .in_distribution[$i], .out_of_distribution[$i]] | @tsv' |
        LC_ALL=C awk '{
            low[NR] = $1; high[NR] = $2; inside[NR] = $3; outside[NR] = $4
            if ($3 + $4 > 0) { last = NR; if (!first) first = NR }
            if ($3 > most) most = $3
            if ($4 > most) most = $4
        }
        function bar(count, width) {
            width = int(30 * count / most + 0.5)
            if (count > 0 && width < 1) width = 1
            return sprintf("%-30s", substr("##############################", 1, width))
        }
        END {
            printf "%-14s %-36s %s\n", "weight", "in distribution", "out of distribution"
            for (i = first; i <= last; i++)
                printf "%5.2f to %5.2f %s %5d %s %5d\n", low[i], high[i], bar(inside[i]), inside[i], bar(outside[i]), outside[i]
        }'
}

show_results() {
    local job job0
    printf '%-6s %-24s %-24s %-8s %s\n' seed 'test accuracy' 'validation accuracy' AUROC 'mean weight'
    printf '%-6s %-24s %-24s %-8s %s\n' '' 'fixmatch  confidence' 'fixmatch  confidence' '' 'in    out of distribution'
    for seed in "${seeds[@]}"; do
        job0=$(completed "${plain[$seed]}")
        job=$(completed "${weighed[$seed]}")
        jq -rn --argjson a "$job0" --argjson b "$job" '
            [$a.result.metrics["test/accuracy"], $b.result.metrics["test/accuracy"],
             $a.result.metrics["validation/accuracy"], $b.result.metrics["validation/accuracy"],
             $b.latest["weight/auroc"], $b.latest["weight/in_distribution"],
             $b.latest["weight/out_of_distribution"]] | @tsv' |
            LC_ALL=C awk -v seed="$seed" '{
                printf "%-6s %-9.4f %-14.4f %-9.3f %-14.3f %-8.3f %-5.2f %.2f\n", seed, $1, $2, $3, $4, $5, $6, $7}'
    done
    for seed in "${seeds[@]}"; do
        say "the pool's weights at the end, seed $seed"
        histogram "${weighed[$seed]}"
    done
    cat << 'TXT'

What this shows: nothing but 300 validation images says which images of the pool are worth learning
from; the network that weighs them is told no origin. AUROC is how well its weights tell the two apart:
0.5 is chance. Seeds differ, and 2,000 steps are few: docs/results/confidence.md has what was measured.
TXT
}
