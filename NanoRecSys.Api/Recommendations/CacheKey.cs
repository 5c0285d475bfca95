using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Names an answer in the cache by everything that it depends on: model, who asks, and every option.</summary>
public static class CacheKey
{
    // Raised whenever an answer's stored form changes, so that a new release does not read an old one's.
    private const int Format = 4;

    /// <param name="query">Who asks for what.</param>
    /// <param name="version">Of the model.</param>
    /// <param name="candidates">The setting.</param>
    /// <param name="newMovies">How many movies the catalog holds beside the model's.</param>
    public static string Of(RecommendationQuery query, string version, int candidates, int newMovies = 0)
    {
        ArgumentNullException.ThrowIfNull(query);
        string who = query.Session is { } session ? $"s{Hash($"{string.Join(',', session.MovieIds)};{string.Join(',', session.Times ?? [])}")}" : $"u{query.UserId}";
        string filter = query.Filter.Fingerprint is { Length: > 0 } text ? $":f{Hash(text)}" : "";
        string shape = query.Shape.IsNone ? "" : string.Create(CultureInfo.InvariantCulture, $":d{query.Shape.Diversity}:p{query.Shape.PopularityPenalty}");
        return string.Create(CultureInfo.InvariantCulture,
            $"nanorecsys:answer:{Format}:{version}:{who}:k{query.K}:e{(query.Explain ? 1 : 0)}:h{(query.IncludeHistory ? 1 : 0)}:c{candidates}:n{newMovies}{filter}{shape}");
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
