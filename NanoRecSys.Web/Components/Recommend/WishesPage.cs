using Microsoft.AspNetCore.Components;

namespace NanoRecSys.Web.Components.Recommend;

/// <summary>A page whose address holds <see cref="Wishes"/>. Text, not numbers: an address that was mistyped must not end in an error.</summary>
public abstract class WishesPage : ComponentBase
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

    protected Wishes Wishes => Wishes.Parse(K, Genres, Without, From, To, Diversity);
}
