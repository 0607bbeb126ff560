import java.nio.file.Path;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.Stores;

/**
 * The Kafka Streams worker: one stream thread, exactly once, a RocksDB store with its cache.
 *
 * <p>Arguments: BOOTSTRAP INPUT_TOPIC PREFIX DIRECTORY. The property `fold.schemas` names the directory of the Avro schemas and
 * their ids.
 */
public final class Fold {
    private static final String STORE = "sessions";

    private Fold() {}

    static Topology topology(String input, String actions, Wire wire, Started started) {
        var raw = Serdes.ByteArray();
        var store = Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), State.serde());
        return new Topology()
                .addSource("events", Serdes.String().deserializer(), raw.deserializer(), input)
                .addProcessor("fold", () -> new FoldProcessor(STORE, wire, started), "events")
                .addStateStore(store.withCachingEnabled(), "fold")
                .addSink("actions", actions, Serdes.String().serializer(), raw.serializer(), "fold");
    }

    static Properties settings(String bootstrap, String group, Path directory) {
        var settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, group);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, directory.resolve("state").toString());
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        return settings;
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String prefix = arguments[2];
        var directory = Path.of(arguments[3]);
        var wire = new Wire(Path.of(System.getProperty("fold.schemas")));
        var started = new Started(directory.resolve("started"));
        var group = prefix.substring(0, prefix.length() - 1);
        var streams = new KafkaStreams(
                topology(arguments[1], prefix + "actions", wire, started), settings(bootstrap, group, directory));
        var ended = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) {
                ended.countDown();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
        System.exit(1);
    }
}
