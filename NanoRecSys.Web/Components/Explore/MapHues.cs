namespace NanoRecSys.Web.Components.Explore;

/// <summary>Colors of the genres on the map: as far apart as possible, and near the genre's own color if it has one.</summary>
public static class MapHues
{
    /// <summary>0 to 359 on the colour wheel; null, a gray, without a genre.</summary>
    public static int? Of(string genre) => genre switch
    {
        "Action" => 10,
        "Western" => 30,
        "Comedy" => 46,
        "Children" => 62,
        "War" => 84,
        "Adventure" => 112,
        "Animation" => 138,
        "Fantasy" => 160,
        "Documentary" => 178,
        "Sci-Fi" => 196,
        "Thriller" => 214,
        "Crime" => 232,
        "Film-Noir" => 250,
        "Drama" => 268,
        "Mystery" => 286,
        "Musical" => 306,
        "Romance" => 330,
        "Horror" => 352,
        _ => null,
    };
}
