using System.Globalization;
using Microsoft.AspNetCore.Components;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.Web.Components.Recommend;

/// <summary>Filters and shape of a list of recommendations, kept in the page's address so that it can be shared.</summary>
public sealed record ListOptions
{
    public const int MaxCount = 100;

    /// <summary>K, 1 to <see cref="MaxCount"/>.</summary>
    public int Count { get; init; } = CountPicker.Default;

    /// <summary>At least one of these.</summary>
    public IReadOnlyList<string> Genres { get; init; } = [];

    /// <summary>None of these.</summary>
    public IReadOnlyList<string> Without { get; init; } = [];

    public int? YearFrom { get; init; }

    public int? YearTo { get; init; }

    /// <summary>0..1: how much a movie should differ from those above it.</summary>
    public double Diversity { get; init; }

    /// <summary>Null if any movie is allowed.</summary>
    public FilterRequest? Filter => !HasFilter ? null : new FilterRequest
    {
        GenresAny = Genres.Count > 0 ? Genres : null,
        GenresNone = Without.Count > 0 ? Without : null,
        YearFrom = YearFrom,
        YearTo = YearTo,
    };

    public bool HasFilter => Genres.Count > 0 || Without.Count > 0 || YearFrom is not null || YearTo is not null;

    /// <summary>From the address; invalid parts are ignored.</summary>
    public static ListOptions Parse(string? count, string? genres, string? without, string? from, string? to, string? diversity) => new()
    {
        Count = Math.Clamp(Whole(count) ?? CountPicker.Default, 1, MaxCount),
        Genres = List(genres),
        Without = List(without),
        YearFrom = Whole(from),
        YearTo = Whole(to),
        Diversity = double.TryParse(diversity, CultureInfo.InvariantCulture, out double value) ? Math.Clamp(value, 0, 1) : 0,
    };

    /// <summary>The address's parts; null removes a part.</summary>
    public Dictionary<string, object?> ToQuery() => new()
    {
        ["k"] = Count == CountPicker.Default ? null : Count,
        ["genres"] = Genres.Count == 0 ? null : string.Join(',', Genres),
        ["without"] = Without.Count == 0 ? null : string.Join(',', Without),
        ["from"] = YearFrom,
        ["to"] = YearTo,
        ["diversity"] = Diversity == 0 ? null : Text.Css(Diversity),
    };

    /// <summary>A list compares by what is in it.</summary>
    public bool Equals(ListOptions? other) => other is not null && ToQuery().SequenceEqual(other.ToQuery());

    public override int GetHashCode() => HashCode.Combine(Count, YearFrom, YearTo, Diversity, Genres.Count, Without.Count);

    private static int? Whole(string? text) => int.TryParse(text, CultureInfo.InvariantCulture, out int value) ? value : null;

    private static string[] List(string? text) =>
        text?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}

/// <summary>A page whose address holds <see cref="ListOptions"/>. Text, not numbers: a mistyped address must not cause an error.</summary>
public abstract class ListOptionsPage : ComponentBase
{
    [SupplyParameterFromQuery]
    public string? K { get; set; }

    [SupplyParameterFromQuery]
    public string? Genres { get; set; }

    [SupplyParameterFromQuery]
    public string? Without { get; set; }

    [SupplyParameterFromQuery]
    public string? From { get; set; }

    [SupplyParameterFromQuery]
    public string? To { get; set; }

    [SupplyParameterFromQuery]
    public string? Diversity { get; set; }

    protected ListOptions ListOptions => ListOptions.Parse(K, Genres, Without, From, To, Diversity);
}
