using System.Numerics.Tensors;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>How the list as a whole should look. It orders and chooses anew; the scores stay the model's.</summary>
/// <param name="Diversity">0..1: weight of not resembling what stands above (maximal marginal relevance).</param>
/// <param name="PopularityPenalty">0..1: weight against the share of log-popularity.</param>
public sealed record ListShape(double Diversity, double PopularityPenalty)
{
    public static readonly ListShape None = new(0, 0);

    /// <summary>Candidates for each place on the list, so that there is something to choose from.</summary>
    public const int CandidatesPerPlace = 10;

    public bool IsNone => this == None;

    /// <param name="catalog">For embeddings and popularity.</param>
    /// <param name="ranked">[C], best first.</param>
    /// <param name="k">Places on the list.</param>
    /// <returns>The chosen, in their new order.</returns>
    public Candidate[] Choose(ServedCatalog catalog, Candidate[] ranked, int k)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(ranked);
        if (IsNone || ranked.Length == 0)
        {
            return ranked;
        }

        double[] worth = Worth(catalog, ranked); // [C]
        var nearest = new double[ranked.Length]; // [C] largest cosine with a chosen one
        var taken = new bool[ranked.Length];
        var chosen = new Candidate[Math.Min(k, ranked.Length)];
        for (int place = 0; place < chosen.Length; place++)
        {
            int best = -1;
            double most = double.NegativeInfinity;
            for (int c = 0; c < ranked.Length; c++)
            {
                double value = (1 - Diversity) * worth[c] - Diversity * nearest[c];
                if (!taken[c] && value > most)
                {
                    (best, most) = (c, value);
                }
            }

            taken[best] = true;
            chosen[place] = ranked[best];
            ReadOnlySpan<float> embedding = catalog.EmbeddingOf(ranked[best].Row);
            for (int c = 0; Diversity > 0 && c < ranked.Length; c++)
            {
                double cosine = TensorPrimitives.Dot(embedding, catalog.EmbeddingOf(ranked[c].Row));
                nearest[c] = place == 0 ? cosine : Math.Max(nearest[c], cosine);
            }
        }

        return chosen;
    }

    // Scores as a share of their span, so that both weights mean the same for cosines and for sigmoids.
    private double[] Worth(ServedCatalog catalog, Candidate[] ranked)
    {
        double low = ranked.Min(candidate => candidate.Score);
        double span = Math.Max(ranked.Max(candidate => candidate.Score) - low, 1e-9);
        double logMax = Math.Log(1 + catalog.Model.MostInteractions);
        return [.. ranked.Select(candidate =>
        {
            double popularity = logMax > 0 ? Math.Log(1 + catalog.ItemAt(candidate.Row).Count) / logMax : 0;
            return (candidate.Score - low) / span - PopularityPenalty * popularity;
        })];
    }
}
