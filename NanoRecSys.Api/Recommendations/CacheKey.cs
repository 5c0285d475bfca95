using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Names an answer in the cache by everything that it depends on: model, who asks, and every option.</summary>
public static class CacheKey
{
    // Raised whenever an answer's stored form changes, so that a new release does not read an old one's.
    private const int Format = 2;

    public static string Of(RecommendationQuery query, string version, int candidates)
    {
        ArgumentNullException.ThrowIfNull(query);
        string who = query.Session is { } movies ? $"s{Fingerprint(movies)}" : $"u{query.UserId}";
        return string.Create(CultureInfo.InvariantCulture,
            $"nanorecsys:answer:{Format}:{version}:{who}:k{query.K}:e{(query.Explain ? 1 : 0)}:h{(query.IncludeHistory ? 1 : 0)}:c{candidates}");
    }

    private static string Fingerprint(IReadOnlyList<int> movies)
    {
        string text = string.Join(',', movies);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
