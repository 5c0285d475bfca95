namespace NanoRecSys.Training.Evaluation;

/// <summary>Fits the probability that a recommended item is the next one, given its ranking score (Platt, 1999): a logistic
/// regression over all list positions on validation, by Newton's method.</summary>
internal static class CalibrationFit
{
    private const int Iterations = 50;
    private const double Ridge = 1e-6; // keeps the curvature above zero if all scores are equal

    /// <returns>Null if calibration is impossible: no list contains its target, or higher scores are not more often right.</returns>
    public static ScoreCalibration? Of(RankedUsers users, int model)
    {
        int length = users.Lists[model].Length / Math.Max(1, users.Users.Length);
        var places = new List<(double Score, bool IsNext)>(users.Lists[model].Length);
        for (int i = 0; i < users.Lists[model].Length; i++)
        {
            if (users.Lists[model][i].Row >= 0)
            {
                places.Add((users.Lists[model][i].Score, users.Lists[model][i].Row == users.Targets[i / length]));
            }
        }

        return Of(places);
    }

    internal static ScoreCalibration? Of(IReadOnlyList<(double Score, bool IsNext)> places)
    {
        int hits = places.Count(place => place.IsNext);
        if (hits == 0 || hits == places.Count)
        {
            return null;
        }

        // Centering and scaling decouples slope and intercept, and keeps the steps small.
        double mean = places.Average(place => place.Score);
        double spread = Math.Sqrt(places.Average(place => (place.Score - mean) * (place.Score - mean)));
        if (!(spread > 0))
        {
            return null;
        }

        double slope = 0, intercept = Math.Log((double)hits / (places.Count - hits));
        for (int iteration = 0; iteration < Iterations; iteration++)
        {
            double g0 = 0, g1 = 0, h00 = Ridge, h01 = 0, h11 = Ridge;
            foreach ((double score, bool isNext) in places)
            {
                double x = (score - mean) / spread;
                double p = 1 / (1 + Math.Exp(-(intercept + slope * x)));
                double weight = p * (1 - p);
                g0 += (isNext ? 1 : 0) - p;
                g1 += ((isNext ? 1 : 0) - p) * x;
                h00 += weight;
                h01 += weight * x;
                h11 += weight * x * x;
            }

            double determinant = h00 * h11 - h01 * h01;
            (double stepIntercept, double stepSlope) = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
            intercept += Math.Clamp(stepIntercept, -1, 1);
            slope += Math.Clamp(stepSlope, -1, 1);
            if (Math.Abs(stepIntercept) + Math.Abs(stepSlope) < 1e-9)
            {
                break;
            }
        }

        return slope > 0 ? new ScoreCalibration(slope / spread, intercept - slope * mean / spread) : null;
    }
}
