namespace NanoRecSys.Web.Components.Elements;

/// <param name="Label">What it is of.</param>
/// <param name="Size">Of the bar.</param>
/// <param name="Shown">The figure.</param>
/// <param name="Address">Where the label leads; null: nowhere.</param>
public sealed record BarRow(string Label, double Size, string Shown, string? Address = null);
