using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Web.Client;

/// <summary>The API's items as the pages show them.</summary>
internal static class Movies
{
    public static MovieInfo Of(ItemInfo item) => new(
        item.ItemId, item.Title, item.Attributes?.TryGetValue(ItemAttributes.Year, out AttributeValue year) == true ? (int)year.Number : null, item.Categories);
}

public sealed record MovieList(IReadOnlyList<MovieInfo> Movies, IReadOnlyList<float>? Scores = null);

public sealed record MovieDetail(MovieInfo Movie, int Watched, int? Place, int Movies, float? X, float? Y);

public sealed record MovieHistory(EntityId UserId, int Total, IReadOnlyList<MovieInfo> Movies, bool Degraded = false);
