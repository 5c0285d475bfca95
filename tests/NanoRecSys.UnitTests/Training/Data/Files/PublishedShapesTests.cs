using System.Text;
using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data.Files;

/// <summary>A few rows in the format of each widely used public data set.</summary>
public sealed class PublishedShapesTests : DataFileTests
{
    [Fact]
    public async Task Amazon_2023_csv_has_text_ids_and_milliseconds()
    {
        Write("All_Beauty.csv", """
            user_id,parent_asin,rating,timestamp
            AEYORY2AVPMCPDV57CE337YU5LXA,B08BBQ29N5,3.0,1634275259292
            AFSKPY37N3C43SOI5IEXEK5JSIYA,B07J3GH1W1,5.0,1547589356557

            """);

        ReadData data = await ReadAsync();

        Assert.Equal(
            ["AEYORY2AVPMCPDV57CE337YU5LXA B08BBQ29N5 3 1634275259", "AFSKPY37N3C43SOI5IEXEK5JSIYA B07J3GH1W1 5 1547589356"], Rows(data));
        Assert.Equal("milliseconds", data.Unit.Name);
    }

    [Fact]
    public async Task Amazon_reviews_are_gzipped_JSON_lines_with_their_metadata_beside()
    {
        WriteGzip("reviews_Beauty_5.json.gz", """
            {"reviewerID": "A1YJEY40YUW4SE", "asin": "7806397051", "reviewerName": "Andrea", "helpful": [3, 4], "reviewText": "Very \"oily\",\nsadly", "overall": 1.0, "summary": "Don't", "unixReviewTime": 1391040000, "reviewTime": "01 30, 2014"}
            {"reviewerID": "A60XNB876KYML", "asin": "7806397051", "helpful": [1, 1], "reviewText": "", "overall": 3.0, "summary": "OK", "unixReviewTime": 1397779200, "reviewTime": "04 18, 2014"}

            """);
        WriteGzip("meta_Beauty.json.gz", """
            {"asin": "7806397051", "title": "WAWO 15 Color Palette", "price": 9.5, "imUrl": "http://ecx.images.example/31.jpg", "brand": "WAWO", "categories": [["Beauty", "Makeup", "Face"]]}

            """);

        ReadData data = await ReadAsync();

        Assert.Equal(["A1YJEY40YUW4SE 7806397051 1 1391040000", "A60XNB876KYML 7806397051 3 1397779200"], Rows(data));
        CatalogItem item = Assert.Single(data.Items);
        Assert.Equal(("WAWO 15 Color Palette", "Beauty|Makeup|Face"), (item.Title, string.Join('|', item.Categories)));
        Assert.Equal((9.5, "WAWO"), (item.Attributes["price"].Number, item.Attributes["brand"].Texts[0]));
    }

    [Fact]
    public async Task Amazons_variants_are_read_as_their_parent()
    {
        Write("Beauty.jsonl", """
            {"rating": 5.0, "title": "Fine", "asin": "B00YQ6X8EO", "parent_asin": "B00YQ6X8E1", "user_id": "AGKHLEW2", "timestamp": 1588687728923, "verified_purchase": true}

            """);

        Assert.Equal(["AGKHLEW2 B00YQ6X8E1 5 1588687728"], Rows(await ReadAsync()));
    }

    [Fact]
    public async Task RecBoles_atomic_files_have_typed_headers()
    {
        Write("ml-100k.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t3\t8.91717742E8\n");
        Write("ml-100k.item", "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n242\tKolya\t1996\tComedy Drama\n");
        ReadData data = await With("ml-100k.user", "user_id:token\tage:token\n196\t49\n").ReadAsync();

        Assert.Equal(["196 242 3 881250949", "186 302 3 891717742"], Rows(data));
        CatalogItem item = Assert.Single(data.Items);
        Assert.Equal(("Kolya", 1996, "Comedy|Drama"), (item.Title, item.Attributes["release_year"].Number, string.Join('|', item.Categories)));
    }

    [Fact]
    public async Task RetailRocket_has_event_types_and_properties_that_are_ignored()
    {
        Write("events.csv", """
            timestamp,visitorid,event,itemid,transactionid
            1433221332117,257597,view,355908,
            1433224214164,992329,addtocart,248676,
            1433222276276,599528,transaction,356475,4000

            """);
        Write("item_properties_part1.csv", "timestamp,itemid,property,value\n1435460400000,460429,categoryid,1338\n");
        ReadData data = await With("category_tree.csv", "categoryid,parentid\n1016,213\n").ReadAsync(options: new ReadOptions { EventWeights = "view=0.2,addtocart=0.5,transaction=1" });

        Assert.Equal(["257597 355908 1 1433221332 x0.2", "992329 248676 1 1433224214 x0.5", "599528 356475 1 1433222276"], Rows(data));
        Assert.Equal(["transactionid"], data.Format.Ignored);
        Assert.Empty(data.Items);
    }

    [Fact]
    public async Task HM_has_ISO_days_hexadecimal_customers_and_articles_with_leading_zeros()
    {
        const string Customer = "000058a12d5b43e67d225668fa1f8d618c13dc232df0cad8ffe7ad4a1091e318";
        Write("transactions_train.csv", $"t_dat,customer_id,article_id,price,sales_channel_id\n2018-09-20,{Customer},0663713001,0.050830508474576264,2\n");
        Write("articles.csv", "article_id,prod_name,product_type_name,detail_desc\n0663713001,Atlanta Push Body,Bodysuit,\"Lace push-up body, with wires\"\n");
        ReadData data = await With("customers.csv", $"customer_id,age\n{Customer},49\n").ReadAsync();

        Assert.Equal([$"{Customer} 0663713001 1 1537401600"], Rows(data));
        Assert.Equal(("0663713001", "Atlanta Push Body"), (data.Items[0].Id.Text, data.Items[0].Title));
    }

    [Fact]
    public async Task LastFm_1K_has_too_many_columns_to_guess_and_is_read_by_position()
    {
        Write("lastfm.tsv",
            "user_000001\t2009-05-04T23:08:57Z\tf1b1cf71-bd35\tDeep Dish\ta1\tFlashdance 7\" Remix\nuser_000002\t2009-05-04T13:54:10Z\ta7f7df4a-77d8\t\"Heroes\tb2\tComposition\n");

        Assert.StartsWith("DIR/lastfm.tsv has no header, and its 6 columns can be read in several ways: 1: user_000001, 2: 2009-05-04T23:08:57Z", await RefusalAsync(), StringComparison.Ordinal);
        Assert.EndsWith("--columns user=1,item=3,time=2.", await RefusalAsync(), StringComparison.Ordinal);
        Assert.Equal(
            ["user_000001 Deep Dish 1 1241478537", "user_000002 \"Heroes 1 1241445250"],
            Rows(await ReadAsync(options: new ReadOptions { Columns = "user=1,item=4,time=2" })));
    }

    [Fact]
    public async Task Gowalla_has_no_header_and_only_two_columns_that_can_be_ids()
    {
        Write("Gowalla_totalCheckins.txt", "0\t2010-10-19T23:55:27Z\t30.2359091167\t-97.7951395833\t22847\n0\t2010-10-18T22:17:43Z\t30.2691029532\t-97.7493953705\t420315\n");

        ReadData data = await ReadAsync();

        Assert.Equal(["0 22847 1 1287532527", "0 420315 1 1287440263"], Rows(data));
        Assert.Equal(["3", "4"], data.Format.Ignored);
    }

    [Fact]
    public async Task Yelp_has_reviews_and_businesses_as_JSON_lines_and_tips_that_are_ignored()
    {
        Write("yelp_academic_dataset_review.json", """
            {"review_id":"KU_O5udG6zpxOg","user_id":"mh_-eMZ6K5RLWh","business_id":"XQfwVwDr-v0ZS3","stars":3.0,"useful":0,"text":"If you decide\nto eat here","date":"2018-07-07 22:09:11"}

            """);
        Write("yelp_academic_dataset_business.json", """
            {"business_id":"XQfwVwDr-v0ZS3","name":"Turning Point","city":"North Wales","stars":3.5,"is_open":1,"attributes":{"WiFi":"free"},"categories":"Restaurants, Breakfast & Brunch, Food","hours":null}

            """);
        Write("yelp_academic_dataset_tip.json", """
            {"user_id":"AGNUgVwnZUey3g","business_id":"3uLgwr0qeCNMjK","text":"Avengers","date":"2012-05-18 02:17:21","compliment_count":0}

            """);

        ReadData data = await ReadAsync();

        Assert.Equal(["mh_-eMZ6K5RLWh XQfwVwDr-v0ZS3 3 1531001351"], Rows(data));
        Assert.Equal("Restaurants|Breakfast & Brunch|Food", string.Join('|', data.Items[0].Categories));
        Assert.Contains("Not read: yelp_academic_dataset_tip.json. Set --data to a file to read it instead.", Notes);
    }

    [Fact]
    public async Task Steam_200k_is_read_by_position_with_its_behaviors_as_events()
    {
        Write("steam-200k.csv", string.Concat(Enumerable.Range(0, 3).Select(i => $"15160371{i},\"The Elder Scrolls V, Skyrim\",purchase,1.0,0\n15160371{i},\"The Elder Scrolls V, Skyrim\",play,273.5,0\n")));

        Assert.EndsWith("for example --columns user=1,item=2,event=3,weight=4.", await RefusalAsync(), StringComparison.Ordinal);
        ReadData data = await ReadAsync(options: new ReadOptions { Columns = "user=1,item=2,event=3,weight=4", EventWeights = "purchase=0.5" });

        Assert.Equal(["151603710 The Elder Scrolls V, Skyrim 1 0 x0.5", "151603710 The Elder Scrolls V, Skyrim 273.5 1"], Rows(data)[..2]);
    }

    [Fact]
    public async Task Taobao_is_read_by_position()
    {
        Write("UserBehavior.csv", "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,pv,1511561733\n1,2576651,149192,buy,1511572885\n100,2576651,149192,pv,1511572886\n");

        Assert.EndsWith("for example --columns user=1,item=2,time=5,event=4.", await RefusalAsync(), StringComparison.Ordinal);
        ReadData data = await ReadAsync(options: new ReadOptions { Columns = "user=1,item=2,time=5,event=4", EventWeights = "pv=0" });

        Assert.Equal(["1 2576651 1 1511572885"], Rows(data));
        Assert.Equal(3, data.Excluded);
    }

    [Fact]
    public async Task Netflix_sections_are_refused_with_the_way_to_flatten_them()
    {
        Write("combined_data_1.txt", "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n885013,4,2005-10-19\n");

        string refusal = await RefusalAsync();

        Assert.StartsWith("DIR/combined_data_1.txt has sections: a line 'ITEM:' before the rows of each item. Write the item into every row", refusal, StringComparison.Ordinal);
        Assert.Contains("awk -F, -v OFS=, '/:$/", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Book_Crossing_has_semicolons_latin_1_and_no_times()
    {
        Write("BX-Book-Ratings.csv", "\"User-ID\";\"ISBN\";\"Book-Rating\"\n\"276725\";\"034545104X\";\"0\"\n\"276726\";\"0155061224\";\"5\"\n", Encoding.Latin1);
        Write("BX-Books.csv", "\"ISBN\";\"Book-Title\";\"Book-Author\";\"Year-Of-Publication\"\n\"034545104X\";\"Flesh; Tones: Ä Novel\";\"M. J. Rose\";\"2002\"\n", Encoding.Latin1);

        ReadData data = await ReadAsync();

        Assert.Equal(["276725 034545104X 0 0", "276726 0155061224 5 1"], Rows(data));
        Assert.Equal(TimeForm.None, data.Form);
        Assert.Contains("There is no time column: the order of the file is used.", Notes);
        Assert.Equal(("Flesh; Tones: Ä Novel", 2002), (data.Items[0].Title, data.Items[0].Attributes["Year-Of-Publication"].Number));
    }

    [Fact]
    public async Task A_pandas_export_has_an_index_without_a_name()
    {
        ReadData data = await With("df.csv", ",user_id,item_id,timestamp\n0,u1,i1,1500000000\n1,u1,i2,1500000001\n").ReadAsync();

        Assert.Equal(["u1 i1 1 1500000000", "u1 i2 1 1500000001"], Rows(data));
        Assert.Equal(["Unnamed: 0"], data.Format.Ignored);
    }

    [Fact]
    public async Task A_file_without_a_header_is_read_in_the_usual_order()
    {
        ReadData data = await With("ratings_Beauty.csv", "A39HTATAQ9V7YF,0205616461,5.0,1369699200\nA3JM6GV9MNOF9X,0558925278,3.0,1355443200\n").ReadAsync();

        Assert.Equal(["A39HTATAQ9V7YF 0205616461 5 1369699200", "A3JM6GV9MNOF9X 0558925278 3 1355443200"], Rows(data));
        Assert.Equal("CSV, without a header", data.Format.Format);
    }

    [Fact]
    public async Task Of_the_two_text_forms_a_line_per_user_keeps_repeats_and_order()
    {
        ReadData data = await With("sequences.txt", "u1 5 7 5 5\nu2 7 9\n").ReadAsync();

        Assert.Equal(["u1 5 1 0", "u1 7 1 1", "u1 5 1 2", "u1 5 1 3", "u2 7 1 4", "u2 9 1 5"], Rows(data));
        Assert.Equal(0, data.Repeats);
    }

    [Fact]
    public async Task Of_the_two_text_forms_a_line_per_pair_keeps_repeats_and_order() =>
        Assert.Equal(["1 5 1 0", "1 7 1 1", "1 5 1 2", "2 9 1 3"], Rows(await With("pairs.txt", "1 5\n1 7\n1 5\n2 9\n").ReadAsync()));

    [Theory]
    [InlineData("{u'username': u'Sunbro', 'product_id': u'725280'}\n", "has Python literals, which are not JSON")]
    [InlineData("<html><body>Not found</body></html>\n", "is HTML or XML")]
    [InlineData("just\nwords\n", "has only one column: just")]
    public async Task Other_texts_are_refused_with_their_format(string text, string reason) =>
        Assert.StartsWith($"DIR/steam_reviews.json {reason}", await With("steam_reviews.json", text).RefusalAsync(), StringComparison.Ordinal);

    [Fact]
    public async Task The_literatures_Beauty_is_read_from_its_two_files()
    {
        ReadData data = await ReadAsync(RepositoryFolder.Shared("data", "amazon-beauty"));

        Assert.Equal((22_363, 12_101, 198_502), (data.Interactions.UserIds.Count, data.Interactions.ItemIds.Count, data.Interactions.Count));
        Assert.Equal(("4", "1|2|3"), (data.Items[0].Id.Text, string.Join('|', data.Items[0].Categories)));
        Assert.Equal(637, data.Items.SelectMany(item => item.Categories).Distinct().Count());
    }
}
