package stats

import "fmt"

// McNemarExact is the two-sided exact p-value that two classifiers err equally
// often, from the rows on which they disagree: b where only the first is
// right, c where only the second is. 1 without disagreement.
//
// Source: Q. McNemar, Psychometrika 12 (1947), with the binomial distribution
// in place of chi-squared; as statsmodels' mcnemar(exact=True).
func McNemarExact(b, c int64) (float64, error) {
	if err := checkDiscordant(b, c); err != nil {
		return 0, err
	}
	n := float64(b + c)
	return min(1, 2*binomialUpperTail(float64(max(b, c)), n, 0.5, 0.5)), nil
}

// McNemarGreater is the one-sided exact p-value that the second classifier,
// the candidate, is the worse one: the probability of b or more among b+c
// fair coin tosses. b counts the rows that only the first gets right, c those
// that only the candidate gets right. Source: as McNemarExact.
func McNemarGreater(b, c int64) (float64, error) {
	if err := checkDiscordant(b, c); err != nil {
		return 0, err
	}
	return binomialUpperTail(float64(b), float64(b+c), 0.5, 0.5), nil
}

func checkDiscordant(b, c int64) error {
	if b < 0 || c < 0 {
		return fmt.Errorf("mcnemar test: discordant counts %d and %d must not be negative", b, c)
	}
	if b > maxCount || c > maxCount || b+c > maxCount {
		return fmt.Errorf("mcnemar test: discordant counts %d and %d; at most %d can be counted exactly", b, c, int64(maxCount))
	}
	return nil
}
